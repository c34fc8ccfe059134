/* A pseudo-terminal. */
#ifndef GLOVEBOX_TERMINAL_H
#define GLOVEBOX_TERMINAL_H

/* `outer` is init's end, not blocking; `inner` the command's. */
int terminal_open(int *outer, int *inner);

#endif
