#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Every probe tries one thing from within and says on one line what came of it: `held`, `broken` or `na`, and why. A probe is harmless where it
 * is let through as well: what could hurt is asked for with arguments that the kernel refuses after it has looked at who is asking.
 */
struct probe {
	const char *name;
	void (*run)(int count, char **arguments);
};

extern const struct probe kernel_probes[], mount_probes[], privilege_probes[], engine_probes[], proc_probes[], control_group_probes[], network_probes[],
	abuse_probes[], mischief_probes[], stage_probes[], secret_probes[];

_Noreturn void held(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void not_applicable(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Adds to what `shut` will say. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One of several doors. `result` is a system call's: an errno of `refusals` (0 ends them) is noted, anything else is the end: broken. */
void door(const char *name, long result, const int *refusals);
/* The door of a path that must not open for writing; nothing is written. A path that is not there is as good as shut. */
void write_door(const char *path);
/* No door opened. */
_Noreturn void shut(void);

/* What the kernel says to whom it does not let in. */
extern const int REFUSED[];

const char *errno_name(int error);
/* A field of /proc/<pid>/status, false when there is none. */
bool status_field(const char *pid, const char *name, char *value, size_t size);
/* Calls back for each line of a file, without its end; false when there is no such file. */
bool each_line(const char *path, void (*take)(char *line));
/* The whole argument as a number, or the end. */
long number(int count, char **arguments, int index);
const char *text(int count, char **arguments, int index);

#endif
