#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
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
