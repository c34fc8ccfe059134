/* What a pax header says of the entry after it. */
#ifndef GLOVEBOX_TAR_RECORDS_H
#define GLOVEBOX_TAR_RECORDS_H

#include "tar_read.h"

/* What the entry's own header must not overwrite any more. */
enum override { HAS_PATH = 1, HAS_TARGET = 2, HAS_SIZE = 4, HAS_MTIME = 8 };

bool tar_take_path(const char *value, size_t length, char *to);
/* False for what is no pax. There must be a NUL behind the records. */
bool tar_take_pax(const char *records, size_t size, struct tar_entry *entry, unsigned *overrides);

#endif
