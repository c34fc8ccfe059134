/* What init makes of itself before anything else, and what of that works here. */
#ifndef GLOVEBOX_STARTUP_H
#define GLOVEBOX_STARTUP_H

#include <stdint.h>
#include <stdio.h>

uint32_t features_establish(void);
/* One line a feature; false where one is missing that a sandbox cannot be promised without. */
int features_print(FILE *to, uint32_t features);

#endif
