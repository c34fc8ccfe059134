/* What each frame of the host asks for. */
#ifndef GLOVEBOX_ORDERS_H
#define GLOVEBOX_ORDERS_H

#include "frames.h"

/* The fault, where it asks for what it may not; 0. */
enum fault obey(const struct frame *frame);

#endif
