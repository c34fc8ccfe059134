/* From the ledger and the network into the outbox, a command or a connection at a time and a chunk at a time, so that one flood stalls nobody else. */
#ifndef GLOVEBOX_PUMP_H
#define GLOVEBOX_PUMP_H

#include <stdbool.h>

#include "commands.h"

/* Up to OUTBOX_FULL. True when there is more than went in. */
bool pump(void);

#endif
