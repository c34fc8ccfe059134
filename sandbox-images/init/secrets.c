#include "secrets.h"

#include <string.h>
#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static struct secrets *page;

void wipe(void *at, size_t length)
{
	memset(at, 0, length);
	__asm__ volatile("" : : "r"(at) : "memory");
}

struct secrets *secrets_open(void)
{
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		page = NULL;
		return NULL;
	}
	/* Each of these is a second line of defence, and a sandbox without it is still a sandbox. */
	(void)mlock(page, 4096);
	(void)madvise(page, 4096, MADV_DONTDUMP);
	(void)madvise(page, 4096, MADV_WIPEONFORK);
	return page;
}

/* What hashing left on the stack lies below this frame, so a frame as large as any of them covers it. */
static __attribute__((noinline)) void burn_stack(void)
{
	uint8_t depth[8192];

	wipe(depth, sizeof depth);
}

void secrets_forget(void)
{
	if (page != NULL)
		wipe(page, sizeof *page);
	burn_stack();
}
