/* The file operations that are built in, so that they work in an image that has no tools. They run in a command's own process
 * and end with its exit code. */
#ifndef GLOVEBOX_FILES_H
#define GLOVEBOX_FILES_H

#include <stdbool.h>
#include <stdint.h>

bool files_knows(uint32_t operation);
int files_run(uint32_t operation, uint32_t argument_count, char *const *arguments);

#endif
