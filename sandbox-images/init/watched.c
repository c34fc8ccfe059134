#include "watched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

/* By number. inotify counts up, so what is added goes to the end. */
static struct place {
	int number;
	char *path;
} *places;
static size_t count, capacity;
static uint64_t most;

void watched_limit(uint64_t limit)
{
	most = limit;
}

/* Where the number is, or would be. */
static size_t find(int number)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (places[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int make_room(void)
{
	size_t larger = capacity == 0 ? 64 : capacity * 2;
	struct place *moved;

	if (count < capacity)
		return 0;
	moved = realloc(places, larger * sizeof *moved);
	if (moved == NULL)
		return -1;
	places = moved;
	capacity = larger;
	return 0;
}

int watched_add(int number, const char *path)
{
	size_t at = find(number);
	char *kept;

	if (watched_path(number) == NULL && count >= most) {
		errno = ENOSPC;
		return -1;
	}
	kept = strdup(path);
	if (kept == NULL || make_room() < 0) {
		free(kept);
		errno = ENOMEM;
		return -1;
	}
	if (at < count && places[at].number == number) {
		free(places[at].path);
	} else {
		memmove(places + at + 1, places + at, (count - at) * sizeof *places);
		count++;
	}
	places[at] = (struct place){number, kept};
	return 0;
}

const char *watched_path(int number)
{
	size_t at = find(number);

	return at < count && places[at].number == number ? places[at].path : NULL;
}

static void remove_at(size_t at)
{
	free(places[at].path);
	count--;
	memmove(places + at, places + at + 1, (count - at) * sizeof *places);
}

void watched_remove(int number)
{
	if (watched_path(number) != NULL)
		remove_at(find(number));
}

void watched_forget_below(int inotify, const char *path)
{
	size_t length = strlen(path);

	for (size_t i = count; i-- > 0;) {
		const char *place = places[i].path;

		if (strncmp(place, path, length) != 0 || (place[length] != '\0' && place[length] != '/'))
			continue;
		(void)inotify_rm_watch(inotify, places[i].number);
		remove_at(i);
	}
}
