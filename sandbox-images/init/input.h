/* stdin: from the host's chunks into a pipe that the command reads when it likes. */
#ifndef GLOVEBOX_INPUT_H
#define GLOVEBOX_INPUT_H

#include <stdbool.h>

#include "commands.h"

/* Takes init's end of the pipe; -1 for a command without. */
int input_open(struct command *command, int fd);
/* What was not written yet is thrown away, and counts as consumed. */
void input_close(struct command *command);
/* False where the host goes beyond its window, or does not go on where it was. */
bool input_take(struct command *command, uint64_t offset, const uint8_t *bytes, uint32_t length, bool ends);
/* The host has nothing more to say on a terminal: time for the line to drop, and the next such time, UINT64_MAX for none. */
void input_tick(struct command *command, uint64_t now);
uint64_t input_next(const struct command *command);
/* A new host: COMMAND tells it to go on at `received`, with a whole window. */
void input_promise(struct command *command);

#endif
