/* Frames: writing one, receiving one, and hunting for an ATTACH. No state but what is passed in, no system call. */
#ifndef GLOVEBOX_FRAMES_H
#define GLOVEBOX_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "poly1305.h"
#include "wire.h"

struct frame {
	uint8_t type;
	uint8_t flags;
	uint32_t stream;
	uint32_t epoch;
	uint64_t sequence;
	uint32_t length;
	const uint8_t *payload;
};

struct receiver {
	const uint8_t *key;
	uint32_t epoch;    /* of the ATTACH that was believed last, 0 for none */
	uint64_t sequence; /* of the frame that was believed last */
	bool hunting;
	size_t searched; /* bytes of an unfinished frame that hold no ATTACH */
	size_t summed;   /* those of its bytes that its MAC has taken: they are cheaper to look at as they come */
	struct poly1305 *sum; /* made of the key, and kept where that is */
};

enum received { RECEIVED_NOTHING, RECEIVED_FRAME, RECEIVED_ATTACH, RECEIVED_FAULT };

/* Writes header and MAC around a payload that is in place already at frame + HEADER_BYTES. */
void frame_seal(uint8_t *at, const struct frame *frame, const uint8_t key[KEY_BYTES]);

/* Looks at the first bytes of a stream; those that were not used stand there the next time, with more behind them. `used` bytes are over and done with, whatever is returned; after anything but NOTHING
 * there may be more in the rest. The frame points into `data`. */
enum received receive(struct receiver *receiver, const uint8_t *data, size_t length, size_t *used, struct frame *frame,
		      enum fault *fault);

#endif
