/* tar out: ustar, and a pax header before an entry that ustar cannot say. */
#ifndef GLOVEBOX_TAR_WRITE_H
#define GLOVEBOX_TAR_WRITE_H

#include <stdint.h>
#include <sys/stat.h>

#define TAR_BLOCK 512

/* `target` is empty unless the entry is a symbolic link. A file's `status->st_size` bytes must follow, by tar_write_file. */
int tar_write_entry(const char *path, const struct stat *status, const char *target);
/* Exactly `size` bytes whatever the file does meanwhile: zeros for what it lost, nothing of what it gained. */
int tar_write_file(int fd, uint64_t size);
int tar_write_end(void);

#endif
