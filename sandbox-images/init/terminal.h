/* A pseudo-terminal. */
#ifndef GLOVEBOX_TERMINAL_H
#define GLOVEBOX_TERMINAL_H

#include <sys/types.h>

/* `outer` is init's end, not blocking; `inner` the command's. */
int terminal_open(int *outer, int *inner);
/* Whoever runs in the foreground hears of it by SIGWINCH. */
void terminal_resize(int outer, unsigned columns, unsigned rows);
/* As a line that drops: SIGHUP to the session's leader and to the foreground, and SIGCONT, for what is stopped hears nothing. */
void terminal_hang_up(int outer, pid_t leader);

#endif
