/* The directories that are watched, by inotify's number for each. */
#ifndef GLOVEBOX_WATCHED_H
#define GLOVEBOX_WATCHED_H

#include <stdint.h>

void watched_limit(uint64_t most);
/* -1 with ENOSPC beyond the limit, or ENOMEM. A number that is there gets the new path. */
int watched_add(int number, const char *path);
/* NULL where it is not known (any more). Valid until something is added or removed. */
const char *watched_path(int number);
void watched_remove(int number);
/* This directory and those below it: inotify lets go of them, and says so by and by. */
void watched_forget_below(int inotify, const char *path);

#endif
