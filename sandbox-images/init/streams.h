/* What a command says, and the windows that hold it in check. */
#ifndef GLOVEBOX_STREAMS_H
#define GLOVEBOX_STREAMS_H

#include <stdbool.h>

#include "commands.h"

/* Takes init's ends of the pipes (or of the terminal). -1 for none. */
int streams_open(struct command *command, int stdin_fd, int stdout_fd, int stderr_fd);
/* The tree is dead: takes what the pipes hold at this moment, and closes them whoever else has them. */
void streams_drain(struct command *command);
bool streams_over(const struct command *command);

/* These answer false where the host has broken a window. */
bool streams_acknowledge(struct command *command, unsigned channel, uint64_t offset);
bool streams_resume(struct command *command, uint64_t stdout_offset, uint64_t stderr_offset);
/* As resume from the start. */
void streams_repeat(struct command *command);
/* A new host has attached: it says itself what it wants to hear. */
void streams_pause(struct command *command);
void streams_resize(struct command *command, unsigned columns, unsigned rows);

#endif
