#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static int open_inner(int outer)
{
	unsigned number;
	char path[32];
	int inner = ioctl(outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (inner >= 0)
		return inner;
	if (ioctl(outer, TIOCGPTN, &number) < 0)
		return -1;
	(void)snprintf(path, sizeof path, "/dev/pts/%u", number);
	return open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int terminal_open(int *outer, int *inner)
{
	int unlocked = 0;

	*outer = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (*outer < 0)
		return -1;
	if (ioctl(*outer, TIOCSPTLCK, &unlocked) < 0)
		return -1;
	*inner = open_inner(*outer);
	return *inner < 0 ? -1 : 0;
}

void terminal_resize(int outer, unsigned columns, unsigned rows)
{
	struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};

	(void)ioctl(outer, TIOCSWINSZ, &size);
}

static void hang_up(pid_t pid)
{
	(void)kill(pid, SIGHUP);
	(void)kill(pid, SIGCONT);
}

void terminal_hang_up(int outer, pid_t leader)
{
	pid_t foreground;

	hang_up(leader);
	if (ioctl(outer, TIOCGPGRP, &foreground) == 0 && foreground > 1 && foreground != leader)
		hang_up(-foreground);
}
