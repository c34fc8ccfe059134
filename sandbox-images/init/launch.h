/* From an EXEC to a running marker. */
#ifndef GLOVEBOX_LAUNCH_H
#define GLOVEBOX_LAUNCH_H

#include <stdint.h>

#include "exec_request.h"

/* Before init stops being dumpable: its own /proc files become root's then. */
void launch_open(void);
/* Adds the command to the ledger, started or ended with `not_started`. */
void launch(const struct exec_request *request, uint32_t stream);

#endif
