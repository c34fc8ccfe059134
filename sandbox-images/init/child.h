/* The command's own process, up to its exec. */
#ifndef GLOVEBOX_CHILD_H
#define GLOVEBOX_CHILD_H

#include <sys/resource.h>

#include "marker.h"

/* Raises init's own limit on descriptors and remembers the one that commands get. */
void child_remember_limits(void);
/* Never returns: becomes the program, or writes an errno to `error_fd`. */
_Noreturn void child_run(const struct launch *launch, int error_fd);
/* Every descriptor that is not among these. The list is sorted in passing; negative numbers are nothing. */
void child_close_all_but(int *kept, unsigned count);

#endif
