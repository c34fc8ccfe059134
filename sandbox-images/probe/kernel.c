#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The kernel's headers are not part of a C library. Since Linux 5.1 numbers are the same everywhere. */
#define NR_IO_URING_SETUP 425
#define NR_CLONE3 435
#define USER_MODE_ONLY 1
#define GET_KEYRING_ID 0
#define SESSION_KEYRING (-3)
#define NO_SUCH_BPF_COMMAND 0xffff
#define TOO_MANY_SEGMENTS 0xffffffffUL
#define NO_SUCH_FLAGS 0xffffUL
#define NO_SUCH_INTERFACE 0x7fffffff
#define SEIZE 0x4206
#define READ_NOTHING 3
#define READ_IMPLIES_EXEC 0x0400000

static const int REFUSED_PROCESS[] = {EPERM, EACCES, ENOSYS, ESRCH, 0};
static const int REFUSED_FAMILY[] = {EPERM, EACCES, ENOSYS, EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EINVAL, 0};

static void user_namespace(int count, char **arguments)
{
	uint64_t clone_arguments[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
	long pid;

	pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	door("clone", pid, REFUSED);
	pid = syscall(NR_CLONE3, clone_arguments, sizeof clone_arguments);
	if (pid == 0)
		_exit(0);
	door("clone3", pid, REFUSED);
	door("unshare", unshare(CLONE_NEWUSER), REFUSED);
	shut();
}

static void enter_namespace(int count, char **arguments)
{
	static const char *const names[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};
	int own = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

	/* Going where one is already needs the same privileges. */
	if (own >= 0)
		door("setns to our own", setns(own, CLONE_NEWUTS), REFUSED);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[64];
		int fd;

		(void)snprintf(path, sizeof path, "/proc/1/ns/%s", names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			note("%s: %s", path, errno_name(errno));
		else
			door(path, setns(fd, 0), REFUSED);
	}
	shut();
}

static void trace(int count, char **arguments)
{
	pid_t others[] = {1, getppid()};

	for (int i = 0; i < 2; i++) {
		/* Whether there is anything at that address is asked last: EFAULT is as far as one can get. */
		char byte;
		struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)4096, 1};
		char name[64];

		/* In a pid namespace that was entered from outside the parent is nobody. */
		if (others[i] == 0)
			continue;
		(void)snprintf(name, sizeof name, "ptrace of %s", i == 0 ? "init" : "the parent");
		door(name, ptrace(SEIZE, others[i], 0, 0), REFUSED_PROCESS);
		(void)snprintf(name, sizeof name, "process_vm_readv of %s", i == 0 ? "init" : "the parent");
		door(name, process_vm_readv(others[i], &here, 1, &there, 1, 0), REFUSED_PROCESS);
	}
	shut();
}

/* Processes that are somebody else's are somewhere else. */
static void strangers(int count, char **arguments)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int seen = 0;

	if (proc == NULL)
		not_applicable("there is no /proc");
	while ((entry = readdir(proc)) != NULL) {
		char uid[64], name[64] = "";

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !status_field(entry->d_name, "Uid", uid, sizeof uid))
			continue;
		seen++;
		(void)status_field(entry->d_name, "Name", name, sizeof name);
		if ((uid_t)strtoul(uid, NULL, 10) != getuid())
			broken("process %s (%s) has the user %lu, we are %u", entry->d_name, name, strtoul(uid, NULL, 10), getuid());
	}
	held("%d processes to be seen, all of our user", seen);
}

static void bpf(int count, char **arguments)
{
	door("bpf", syscall(SYS_bpf, NO_SUCH_BPF_COMMAND, NULL, 0), REFUSED);
	shut();
}

static void perf(int count, char **arguments)
{
	/* type software, size of the first version, the event that counts nothing, user space only */
	struct {
		uint32_t type, size;
		uint64_t config, period, sample, format, flags, rest[2];
	} attribute = {.type = 1, .size = 64, .config = 9, .flags = 0x60};

	door("perf_event_open", syscall(SYS_perf_event_open, &attribute, 0, -1, -1, 0), REFUSED);
	shut();
}

static void io_uring(int count, char **arguments)
{
	door("io_uring_setup", syscall(NR_IO_URING_SETUP, 1, NULL), REFUSED);
	shut();
}

static void keys(int count, char **arguments)
{
	door("keyctl", syscall(SYS_keyctl, GET_KEYRING_ID, SESSION_KEYRING, 0, 0, 0), (const int[]){EPERM, EACCES, ENOSYS, 0});
	door("add_key", syscall(SYS_add_key, NULL, NULL, NULL, 0, SESSION_KEYRING), REFUSED);
	door("request_key", syscall(SYS_request_key, NULL, NULL, NULL, 0), REFUSED);
	shut();
}

static void fault_descriptor(int count, char **arguments)
{
	door("userfaultfd", syscall(SYS_userfaultfd, 0), REFUSED);
	door("userfaultfd of user mode", syscall(SYS_userfaultfd, USER_MODE_ONLY), REFUSED);
	shut();
}

static void modules(int count, char **arguments)
{
	door("init_module", syscall(SYS_init_module, NULL, 0, ""), REFUSED);
	door("finit_module", syscall(SYS_finit_module, -1, "", 0), REFUSED);
	door("delete_module", syscall(SYS_delete_module, "", O_NONBLOCK), (const int[]){EPERM, EACCES, ENOSYS, 0});
	shut();
}

static void kexec(int count, char **arguments)
{
	door("kexec_load", syscall(SYS_kexec_load, 0, TOO_MANY_SEGMENTS, NULL, NO_SUCH_FLAGS), REFUSED);
	door("kexec_file_load", syscall(SYS_kexec_file_load, -1, -1, 0, NULL, NO_SUCH_FLAGS), REFUSED);
	shut();
}

static void families(int count, char **arguments)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} doors[] = {
		{"AF_PACKET", 17, SOCK_RAW, 0}, {"AF_VSOCK", 40, SOCK_STREAM, 0}, {"AF_KEY", 15, SOCK_RAW, 2}, {"AF_ALG", 38, SOCK_SEQPACKET, 0},
		{"AF_XDP", 44, SOCK_RAW, 0}, {"AF_TIPC", 30, SOCK_SEQPACKET, 0}, {"netlink audit", 16, SOCK_RAW, 9}, {"netlink netfilter", 16, SOCK_RAW, 12},
		{"netlink uevent", 16, SOCK_RAW, 15}, {"netlink generic", 16, SOCK_RAW, 16}, {"netlink crypto", 16, SOCK_RAW, 21}, {"netlink sock_diag", 16, SOCK_RAW, 4},
	};

	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
		door(doors[i].name, socket(doors[i].family, doors[i].type, doors[i].protocol), REFUSED_FAMILY);
	shut();
}

/* Asks to give an interface that does not exist an address. */
static void route_netlink(int count, char **arguments)
{
	struct {
		uint32_t length;
		uint16_t type, flags;
		uint32_t sequence, port;
		uint8_t family, prefix, address_flags, scope;
		uint32_t interface;
	} request = {.length = 24, .type = 20, .flags = 5, .family = AF_INET, .prefix = 32, .interface = NO_SUCH_INTERFACE};
	struct {
		uint32_t length;
		uint16_t type, flags;
		uint32_t sequence, port;
		int32_t error;
		char rest[64];
	} answer = {0};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		held("socket: %s", errno_name(errno));
	if (send(fd, &request, sizeof request, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 20)
		held("no answer: %s", errno_name(errno));
	errno = -answer.error;
	door("RTM_NEWADDR", answer.error == 0 ? 0 : -1, REFUSED);
	shut();
}

static void filter(int count, char **arguments)
{
	char mode[16];

	if (!status_field("self", "Seccomp", mode, sizeof mode))
		not_applicable("/proc/self/status does not say");
	if (strcmp(mode, "2") != 0)
		broken("seccomp mode is %s", mode);
	door("a call that no kernel has yet", syscall(600), (const int[]){ENOSYS, 0});
	shut();
}

/* What has no row of its own, and no business here. */
static void other_calls(int count, char **arguments)
{
	struct timespec never = {.tv_nsec = -1};

	door("fanotify_init", syscall(SYS_fanotify_init, NO_SUCH_FLAGS << 16, 0), REFUSED);
	door("move_pages", syscall(SYS_move_pages, 0, 0, NULL, NULL, NULL, 0), REFUSED);
	door("kcmp", syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0), REFUSED);
	door("syslog", syscall(SYS_syslog, READ_NOTHING, NULL, -1), REFUSED);
	/* Not by the C library: glibc looks at the time before it asks. */
	door("clock_settime", syscall(SYS_clock_settime, CLOCK_REALTIME, &never), REFUSED);
	door("acct", syscall(SYS_acct, "/proc/self/nothing/nothing"), (const int[]){EPERM, ENOSYS, 0});
	door("swapoff", syscall(SYS_swapoff, "/proc/self/nothing"), (const int[]){EPERM, ENOSYS, 0});
	door("personality", syscall(SYS_personality, READ_IMPLIES_EXEC), REFUSED);
	shut();
}

const struct probe kernel_probes[] = {
	{"user-namespace", user_namespace}, {"enter-namespace", enter_namespace}, {"trace", trace}, {"strangers", strangers}, {"bpf", bpf}, {"perf", perf},
	{"io-uring", io_uring}, {"keys", keys}, {"userfaultfd", fault_descriptor}, {"modules", modules}, {"kexec", kexec}, {"socket-families", families},
	{"route-netlink", route_netlink}, {"seccomp", filter}, {"other-calls", other_calls}, {NULL, NULL},
};
