/* The end of init, and so of everything in the sandbox. */
#ifndef GLOVEBOX_QUIT_H
#define GLOVEBOX_QUIT_H

_Noreturn void quit(int code, const char *why);

#endif
