#include "errors.h"

#include <errno.h>
#include <stddef.h>

const char *error_name(int error)
{
#define NAME(name) {name, #name}
	static const struct {
		int error;
		const char *name;
	} names[] = {
		NAME(EACCES), NAME(EAGAIN), NAME(EBADF), NAME(EBUSY), NAME(EDQUOT), NAME(EEXIST), NAME(EFBIG), NAME(EINTR),
		NAME(EINVAL), NAME(EIO), NAME(EISDIR), NAME(ELOOP), NAME(EMFILE), NAME(EMLINK), NAME(ENAMETOOLONG), NAME(ENFILE),
		NAME(ENODEV), NAME(ENOENT), NAME(ENOMEM), NAME(ENOSPC), NAME(ENOSYS), NAME(ENOTDIR), NAME(ENOTEMPTY), NAME(ENOTSUP),
		NAME(ENXIO), NAME(EOVERFLOW), NAME(EPERM), NAME(EPIPE), NAME(EROFS), NAME(ESTALE), NAME(ETXTBSY), NAME(EXDEV),
	};
#undef NAME

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].error == error)
			return names[i].name;
	return "EIO";
}
