#include "seccomp.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* The kernel's headers are not part of a C library: what is needed of linux/filter.h, seccomp.h and audit.h. */
struct instruction {
	uint16_t code;
	uint8_t yes, no;
	uint32_t value;
};

struct program {
	uint16_t length;
	const struct instruction *first;
};

struct call {
	int32_t number;
	uint32_t architecture;
	uint64_t instruction_pointer;
	uint64_t arguments[6];
};

#ifndef PR_SET_SECCOMP
#define PR_SET_SECCOMP 22
#endif
#define SECCOMP_MODE_FILTER 2
#define KILL_PROCESS 0x80000000u
#define ALLOW 0x7fff0000u
#define REFUSE(error) (0x00050000u | (error))
/* Nothing is done, and nobody is told. */
#define PRETEND REFUSE(0)

#define LOAD(offset) {0x20, 0, 0, (uint32_t)(offset)}
#define IF_EQUAL(value, yes, no) {0x15, yes, no, (uint32_t)(value)}
#define IF_ANY_BIT(value, yes, no) {0x45, yes, no, (uint32_t)(value)}
#define IF_NOT_BELOW(value, yes, no) {0x35, yes, no, (uint32_t)(value)}
#define RETURN(value) {0x06, 0, 0, (uint32_t)(value)}

/* Both architectures are little-endian: the low half of an argument comes first. The kernel looks at no more of these. */
#define LOAD_ARGUMENT(n) LOAD(offsetof(struct call, arguments) + 8 * (n))
#define LOAD_UPPER_HALF(n) LOAD(offsetof(struct call, arguments) + 8 * (n) + 4)
#define LOAD_NUMBER LOAD(offsetof(struct call, number))
#define DENY(name) IF_EQUAL(SYS_##name, 0, 1), RETURN(REFUSE(EPERM))
#define ABSENT(name) IF_EQUAL(name, 0, 1), RETURN(REFUSE(ENOSYS))

#if defined(__x86_64__)
#define ARCHITECTURE 0xc000003eu
#elif defined(__aarch64__)
#define ARCHITECTURE 0xc00000b7u
#else
#error "no filter for this architecture"
#endif

/* The last call of Linux 6.18, on every architecture. Nobody has thought about what comes after it; and x32 has a bit far above. */
#define LAST_KNOWN_CALL 469
/* Mount, cgroup, UTS, IPC, user, PID and network namespaces; the time namespace has a bit that clone takes for a signal. */
#define NEW_NAMESPACES 0x7e020000u
#define NEW_TIME 0x00000080u
#define PERSONALITY_QUERY 0xffffffffu
#define FAMILY_UNIX 1
#define FAMILY_INET 2
#define FAMILY_INET6 10
#define FAMILY_NETLINK 16
#define NETLINK_ROUTE 0
#define PUSH_INPUT 0x5412u
#define LINUX_CONSOLE 0x541cu

/* Since Linux 5.1 numbers are the same everywhere, and older libraries do not name them all. */
#define NR_IO_URING_SETUP 425
#define NR_IO_URING_ENTER 426
#define NR_IO_URING_REGISTER 427
#define NR_OPEN_TREE 428
#define NR_MOVE_MOUNT 429
#define NR_FSOPEN 430
#define NR_FSCONFIG 431
#define NR_FSMOUNT 432
#define NR_FSPICK 433
#define NR_CLONE3 435
#define NR_MOUNT_SETATTR 442
#define NR_QUOTACTL_FD 443
#define NR_OPEN_TREE_ATTR 467
#define DENY_NUMBER(number) IF_EQUAL(number, 0, 1), RETURN(REFUSE(EPERM))

static const struct instruction filter[] = {
	LOAD(offsetof(struct call, architecture)),
	IF_EQUAL(ARCHITECTURE, 1, 0),
	RETURN(KILL_PROCESS),
	LOAD_NUMBER,
	IF_NOT_BELOW(LAST_KNOWN_CALL + 1, 0, 1),
	RETURN(REFUSE(ENOSYS)),
	/* A filter cannot follow the pointer that clone3 takes; C libraries fall back to clone. */
	ABSENT(NR_CLONE3),
	ABSENT(NR_IO_URING_SETUP),
	ABSENT(NR_IO_URING_ENTER),
	ABSENT(NR_IO_URING_REGISTER),

	IF_EQUAL(SYS_clone, 0, 4),
	LOAD_ARGUMENT(0),
	IF_ANY_BIT(NEW_NAMESPACES, 0, 1),
	RETURN(REFUSE(EPERM)),
	RETURN(ALLOW),
	IF_EQUAL(SYS_unshare, 0, 4),
	LOAD_ARGUMENT(0),
	IF_ANY_BIT(NEW_NAMESPACES | NEW_TIME, 0, 1),
	RETURN(REFUSE(EPERM)),
	RETURN(ALLOW),
	IF_EQUAL(SYS_personality, 0, 5),
	LOAD_ARGUMENT(0),
	IF_EQUAL(0, 2, 0),
	IF_EQUAL(PERSONALITY_QUERY, 1, 0),
	RETURN(REFUSE(EPERM)),
	RETURN(ALLOW),
	IF_EQUAL(SYS_ioctl, 0, 5),
	LOAD_ARGUMENT(1),
	IF_EQUAL(PUSH_INPUT, 1, 0),
	IF_EQUAL(LINUX_CONSOLE, 0, 1),
	RETURN(REFUSE(EPERM)),
	RETURN(ALLOW),
	IF_EQUAL(SYS_socket, 0, 9),
	LOAD_ARGUMENT(0),
	IF_EQUAL(FAMILY_UNIX, 5, 0),
	IF_EQUAL(FAMILY_INET, 4, 0),
	IF_EQUAL(FAMILY_INET6, 3, 0),
	IF_EQUAL(FAMILY_NETLINK, 0, 3),
	LOAD_ARGUMENT(2),
	IF_EQUAL(NETLINK_ROUTE, 0, 1),
	RETURN(ALLOW),
	RETURN(REFUSE(EAFNOSUPPORT)),
	/* startup.c has set it. Who wants no dumps has none, and some programs will not start unless they are told so. */
	IF_EQUAL(SYS_setrlimit, 0, 4),
	LOAD_ARGUMENT(0),
	IF_EQUAL(RLIMIT_CORE, 0, 1),
	RETURN(PRETEND),
	RETURN(ALLOW),
	/* To ask what it is, it is called without a new one. */
	IF_EQUAL(SYS_prlimit64, 0, 8),
	LOAD_ARGUMENT(1),
	IF_EQUAL(RLIMIT_CORE, 0, 5),
	LOAD_ARGUMENT(2),
	IF_ANY_BIT(0xffffffffu, 2, 0),
	LOAD_UPPER_HALF(2),
	IF_ANY_BIT(0xffffffffu, 0, 1),
	RETURN(PRETEND),
	RETURN(ALLOW),

	DENY(mount),
	DENY(umount2),
	DENY(pivot_root),
	DENY(chroot),
	DENY(setns),
	DENY_NUMBER(NR_OPEN_TREE),
	DENY_NUMBER(NR_MOVE_MOUNT),
	DENY_NUMBER(NR_FSOPEN),
	DENY_NUMBER(NR_FSCONFIG),
	DENY_NUMBER(NR_FSMOUNT),
	DENY_NUMBER(NR_FSPICK),
	DENY_NUMBER(NR_MOUNT_SETATTR),
	DENY_NUMBER(NR_OPEN_TREE_ATTR),
	DENY(bpf),
	DENY(perf_event_open),
	DENY(keyctl),
	DENY(add_key),
	DENY(request_key),
	DENY(userfaultfd),
	DENY(init_module),
	DENY(finit_module),
	DENY(delete_module),
	DENY(kexec_load),
	DENY(kexec_file_load),
	DENY(open_by_handle_at),
	DENY(name_to_handle_at),
	DENY(reboot),
	DENY(swapon),
	DENY(swapoff),
	DENY(acct),
	DENY(quotactl),
	DENY_NUMBER(NR_QUOTACTL_FD),
	DENY(syslog),
	DENY(settimeofday),
	DENY(clock_settime),
	DENY(adjtimex),
	DENY(clock_adjtime),
	DENY(vhangup),
	DENY(nfsservctl),
	DENY(lookup_dcookie),
	DENY(kcmp),
	DENY(fanotify_init),
	DENY(move_pages),
#if defined(__x86_64__)
	DENY(iopl),
	DENY(ioperm),
	DENY(modify_ldt),
	DENY(uselib),
	DENY(_sysctl),
#endif
	RETURN(ALLOW),
};

int seccomp_install(void)
{
	const struct program program = {.length = sizeof filter / sizeof *filter, .first = filter};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		return -1;
	/* Old gVisor says yes and does nothing. A filter that is there answers as it was told. */
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER ? 0 : -1;
}
