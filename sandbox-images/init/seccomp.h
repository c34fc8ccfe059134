/* What nothing in a sandbox may ask of the kernel, init included. */
#ifndef GLOVEBOX_SECCOMP_H
#define GLOVEBOX_SECCOMP_H

int seccomp_install(void);

#endif
