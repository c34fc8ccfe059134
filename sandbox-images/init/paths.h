/* Paths without symbolic links: each component is opened from the one before, and a link is an error (ELOOP). */
#ifndef GLOVEBOX_PATHS_H
#define GLOVEBOX_PATHS_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

enum walk_flag { PATH_MAKE = 1 /* directories that are missing */, PATH_BENEATH = 2 /* no absolute path, no `..` */ };

/* The directory that the last component lies in; that component, "." for a root. -1 with errno. */
int path_parent(int from, const char *path, unsigned flags, char last[NAME_MAX + 1]);
int path_directory(int from, const char *path, unsigned flags);
/* A regular file, or nothing: EISDIR, ELOOP, or EINVAL for what is neither. */
int path_file(const char *path);
int path_stat_error(const struct stat *status);
bool paths_have_openat2(void);

#endif
