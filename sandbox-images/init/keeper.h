/* Holds the pipes of a program that has to outlive whoever talks to it, and lends them to one client at a time. It runs on the
 * host, beside bubblewrap, and understands nothing of what it carries. */
#ifndef GLOVEBOX_KEEPER_H
#define GLOVEBOX_KEEPER_H

int keeper_run(const char *socket_path, const char *seconds, char **program);

#endif
