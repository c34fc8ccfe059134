/** Linux's own numbers: the guest is Linux whatever the host is, and `os.constants` speaks of the host. */

/** Generic numbers, as on x86-64 and arm64: signal(7). */
const SIGNALS = [
  'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGKILL', 'SIGUSR1', 'SIGSEGV', 'SIGUSR2', 'SIGPIPE', 'SIGALRM',
  'SIGTERM', 'SIGSTKFLT', 'SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGXCPU', 'SIGXFSZ', 'SIGVTALRM', 'SIGPROF',
  'SIGWINCH', 'SIGIO', 'SIGPWR', 'SIGSYS',
] as const;

/** asm-generic/errno-base.h and errno.h: what execve, open and their friends can answer with. */
const ERRNOS: Readonly<Record<number, string>> = {
  1: 'EPERM', 2: 'ENOENT', 3: 'ESRCH', 4: 'EINTR', 5: 'EIO', 6: 'ENXIO', 7: 'E2BIG', 8: 'ENOEXEC', 9: 'EBADF', 10: 'ECHILD', 11: 'EAGAIN', 12: 'ENOMEM',
  13: 'EACCES', 14: 'EFAULT', 16: 'EBUSY', 17: 'EEXIST', 18: 'EXDEV', 19: 'ENODEV', 20: 'ENOTDIR', 21: 'EISDIR', 22: 'EINVAL', 23: 'ENFILE', 24: 'EMFILE',
  26: 'ETXTBSY', 27: 'EFBIG', 28: 'ENOSPC', 29: 'ESPIPE', 30: 'EROFS', 31: 'EMLINK', 32: 'EPIPE', 36: 'ENAMETOOLONG', 38: 'ENOSYS', 39: 'ENOTEMPTY',
  40: 'ELOOP', 80: 'ELIBBAD', 95: 'EOPNOTSUPP', 110: 'ETIMEDOUT', 122: 'EDQUOT', 125: 'ECANCELED',
};

export function signalName(number: number): string {
  return SIGNALS[number - 1] ?? `SIG${number}`;
}

/** Undefined for a signal that Linux does not have. */
export function signalNumber(name: NodeJS.Signals): number | undefined {
  const known = name === 'SIGIOT' ? 'SIGABRT' : name === 'SIGPOLL' ? 'SIGIO' : name;
  const index = SIGNALS.findIndex((candidate) => candidate === known);
  return index === -1 ? undefined : index + 1;
}

export function errnoName(number: number): string {
  return ERRNOS[number] ?? `E${number}`;
}
