/* Folders that lie in memory, so many bytes and so many files of it. For bubblewrap, on the host: its own --tmpfs knows of no number of files. */
#ifndef GLOVEBOX_PLACES_H
#define GLOVEBOX_PLACES_H

/* Pairs of a folder and its tmpfs options, then "--" and a program. Mounts them in a user and a mount namespace of their own, and becomes the program.
 * With "--network" before them, in a network namespace of its own, too, with nothing but a loopback interface, and no port that is root's alone. */
int places_run(char **arguments);

#endif
