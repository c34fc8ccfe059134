#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const int REFUSED[] = {EPERM, EACCES, EROFS, ENOSYS, ENOENT, ENOTDIR, ENXIO, 0};

static char notes[4096];

static _Noreturn void say(const char *verdict, const char *format, va_list arguments)
{
	(void)printf("%s ", verdict);
	(void)vprintf(format, arguments);
	(void)printf("\n");
	exit(fflush(stdout) == 0 ? 0 : 1);
}

void held(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("held", format, arguments);
}

void broken(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("broken", format, arguments);
}

void not_applicable(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("na", format, arguments);
}

void note(const char *format, ...)
{
	size_t used = strlen(notes);
	va_list arguments;

	if (used > 0 && used + 2 < sizeof notes) {
		(void)strcpy(notes + used, ", ");
		used += 2;
	}
	va_start(arguments, format);
	(void)vsnprintf(notes + used, sizeof notes - used, format, arguments);
	va_end(arguments);
}

void door(const char *name, long result, const int *refusals)
{
	int error = errno;

	if (result >= 0)
		broken("%s succeeded", name);
	for (; *refusals != 0; refusals++)
		if (*refusals == error) {
			note("%s: %s", name, errno_name(error));
			return;
		}
	broken("%s was let through, as far as %s", name, errno_name(error));
}

void write_door(const char *path)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat seen;

	/* Engines hide a file behind the null device. */
	if (fd >= 0 && fstat(fd, &seen) == 0 && S_ISCHR(seen.st_mode))
		note("%s: hidden", path);
	else
		door(path, fd, REFUSED);
	if (fd >= 0)
		(void)close(fd);
}

void shut(void)
{
	held("%s", notes);
}

const char *errno_name(int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
		{EPERM, "EPERM"}, {ENOTDIR, "ENOTDIR"}, {ENOENT, "ENOENT"}, {ESRCH, "ESRCH"}, {ENXIO, "ENXIO"}, {ENOEXEC, "ENOEXEC"}, {EBADF, "EBADF"}, {EAGAIN, "EAGAIN"},
		{ENOMEM, "ENOMEM"}, {EACCES, "EACCES"}, {EFAULT, "EFAULT"}, {EBUSY, "EBUSY"}, {EEXIST, "EEXIST"}, {EXDEV, "EXDEV"}, {ENODEV, "ENODEV"},
		{EINVAL, "EINVAL"}, {EMFILE, "EMFILE"}, {ETXTBSY, "ETXTBSY"}, {ENOSPC, "ENOSPC"}, {EROFS, "EROFS"}, {ENOSYS, "ENOSYS"}, {ELOOP, "ELOOP"},
		{EAFNOSUPPORT, "EAFNOSUPPORT"}, {EPROTONOSUPPORT, "EPROTONOSUPPORT"}, {EADDRNOTAVAIL, "EADDRNOTAVAIL"}, {ENETUNREACH, "ENETUNREACH"},
		{EHOSTUNREACH, "EHOSTUNREACH"}, {ECONNREFUSED, "ECONNREFUSED"}, {ETIMEDOUT, "ETIMEDOUT"}, {ESTALE, "ESTALE"}, {EDQUOT, "EDQUOT"},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].error == error)
			return names[i].name;
	return strerror(error);
}

bool each_line(const char *path, void (*take)(char *line))
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (file == NULL)
		return false;
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		take(line);
	}
	free(line);
	(void)fclose(file);
	return true;
}

bool status_field(const char *pid, const char *name, char *value, size_t size)
{
	char path[64], line[512];
	size_t length = strlen(name);
	bool found = false;
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%s/status", pid);
	file = fopen(path, "re");
	while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
		if (strncmp(line, name, length) != 0 || line[length] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(value, size, "%s", line + length + 1 + strspn(line + length + 1, " \t"));
		found = true;
	}
	if (file != NULL)
		(void)fclose(file);
	return found;
}

long number(int count, char **arguments, int index)
{
	const char *given = text(count, arguments, index);
	char *end;
	long value = strtol(given, &end, 10);

	if (*given != '\0' && *end == '\0')
		return value;
	(void)fprintf(stderr, "glovebox-probe: %s is no number\n", given);
	exit(64);
}

const char *text(int count, char **arguments, int index)
{
	if (index < count)
		return arguments[index];
	(void)fprintf(stderr, "glovebox-probe: an argument is missing\n");
	exit(64);
}
