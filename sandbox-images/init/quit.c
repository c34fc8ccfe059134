#include "quit.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tree.h"

static void say(const char *text)
{
	struct pollfd stderr_ready = {.fd = STDERR_FILENO, .events = POLLOUT};

	/* Nobody may be reading: a last word is not worth waiting for. */
	if (poll(&stderr_ready, 1, 0) == 1 && write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

void quit(int code, const char *why)
{
	tree_kill_everything();
	if (code != 0) {
		say("glovebox-init: ");
		say(why);
		say("\n");
	}
	_exit(code);
}
