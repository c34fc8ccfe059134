import { expect, test } from 'vitest';
import { bubblewrapArguments } from '../../../src/sandbox/bubblewrap/bubblewrap-arguments.ts';
import type { HostView, SandboxView } from '../../../src/sandbox/bubblewrap/bubblewrap-arguments.ts';

const MiB = 2 ** 20;
const view: SandboxView = {
  etc: '/run/glovebox/etc',
  etcFiles: ['passwd', 'group'],
  limits: { cpu: 1, memoryBytes: 256 * MiB, pids: 64, diskBytes: 100 * MiB, inodes: 1000, openFiles: 256 },
  network: false,
  mounted: {},
  counters: [{ from: '/cg/memory/x/memory.oom_control', to: '/sys/fs/cgroup/memory/memory.oom_control' }],
};

function hostWith(paths: readonly string[], links: Readonly<Record<string, string>> = {}): HostView {
  return {
    exists: (path) => paths.includes(path),
    names: (folder) => paths.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1)),
    linkTarget: (path) => links[path],
  };
}

/** The operations as the command line spells them: an option with its operands each. */
function operations(args: readonly string[]): string[] {
  const found: string[][] = [];
  for (const arg of args) {
    if (arg.startsWith('--')) found.push([arg]);
    else found.at(-1)!.push(arg);
  }
  return found.map((operation) => operation.join(' '));
}

const merged = hostWith(['/etc/ld.so.cache', '/etc/python3.11', '/proc/keys', '/proc/fs', '/usr/local/etc'], { '/bin': 'usr/bin', '/lib64': 'usr/lib64' });

test('every namespace is unshared, and a user namespace is not optional', () => {
  const options = operations(bubblewrapArguments(view, merged));
  for (const option of ['--unshare-all', '--unshare-user', '--disable-userns', '--die-with-parent', '--new-session', '--as-pid-1', '--cap-drop ALL', '--clearenv']) {
    expect(options).toContain(option);
  }
  expect(options).not.toContain('--share-net');
});

test('nothing of the host is bound writable, and nothing but programs and a few files of /etc is bound at all', () => {
  const options = operations(bubblewrapArguments(view, merged));
  expect(options.filter((option) => /^--(dev-)?bind/.test(option))).toEqual([]);
  expect(options.filter((option) => option.startsWith('--ro-bind')).map((option) => option.split(' ')[1])).toEqual([
    '/usr',
    '/etc/ld.so.cache',
    '/etc/python3.11',
    '/run/glovebox/etc/passwd',
    '/run/glovebox/etc/group',
    '/proc/sys',
    '/dev/null',
    '/cg/memory/x/memory.oom_control',
    '3',
  ]);
});

test('a merged host gives links, an old one gives folders', () => {
  expect(operations(bubblewrapArguments(view, merged))).toContain('--symlink usr/bin /bin');
  expect(operations(bubblewrapArguments(view, hostWith(['/bin', '/lib'])))).toEqual(
    expect.arrayContaining(['--ro-bind /bin /bin', '--ro-bind /lib /lib']),
  );
});

test('configuration below /usr is hidden, because it holds tokens of registries', () => {
  const options = operations(bubblewrapArguments(view, merged));
  const usr = options.indexOf('--ro-bind /usr /usr');
  expect(options.indexOf('--tmpfs /usr/local/etc')).toBeGreaterThan(usr);
  expect(options).toContain('--remount-ro /usr/local/etc');
});

test('/proc/sys is read-only and what else tells or changes the machine is hidden, where it exists', () => {
  const options = operations(bubblewrapArguments(view, merged));
  const mounted = options.indexOf('--proc /proc');
  expect(options.indexOf('--ro-bind /proc/sys /proc/sys')).toBeGreaterThan(mounted);
  expect(options.indexOf('--ro-bind /dev/null /proc/keys')).toBeGreaterThan(mounted);
  expect(options.indexOf('--tmpfs /proc/fs')).toBeGreaterThan(mounted);
  expect(options.some((option) => option.includes('/proc/kcore'))).toBe(false);
});

test('what is writable has a size, and the root and /dev become read-only after everything was made', () => {
  const options = operations(bubblewrapArguments(view, merged));
  for (const path of ['/workspace', '/tmp', '/home/sandbox', '/dev/shm']) {
    const at = options.indexOf(`--tmpfs ${path}`);
    expect(options[at - 1]).toMatch(/^--size \d+$/);
    expect(options[at - 2]).toBe(path === '/workspace' || path === '/home/sandbox' ? '--perms 0700' : '--perms 1777');
  }
  expect(options[options.indexOf('--tmpfs /workspace') - 1]).toBe(`--size ${100 * MiB}`);
  expect(options.slice(-3)).toEqual(['--remount-ro /dev', '--remount-ro /', '--chdir /workspace']);
});

test('what is mounted already is bound, and nothing is made in its place', () => {
  const options = operations(bubblewrapArguments({ ...view, mounted: { '/workspace': '/run/x/workspace', '/tmp': '/run/x/tmp' } }, merged));
  expect(options).toEqual(expect.arrayContaining(['--bind /run/x/workspace /workspace', '--bind /run/x/tmp /tmp', '--tmpfs /home/sandbox']));
  expect(options).not.toContain('--tmpfs /workspace');
  expect(options).not.toContain('--tmpfs /tmp');
});

test('a place for files is smaller than the memory, which files are', () => {
  const small = { ...view, limits: { ...view.limits, memoryBytes: 100 * MiB, diskBytes: 200 * MiB } };
  const options = operations(bubblewrapArguments(small, merged));
  expect(options[options.indexOf('--tmpfs /workspace') - 1]).toBe(`--size ${75 * MiB}`);
});

test('init is a read-only copy, and finds the counters of its control group where it looks for them', () => {
  const options = operations(bubblewrapArguments(view, merged));
  expect(options).toEqual(expect.arrayContaining(['--perms 0555', '--ro-bind-data 3 /.glovebox/init']));
  expect(options).toContain('--ro-bind /cg/memory/x/memory.oom_control /sys/fs/cgroup/memory/memory.oom_control');
});
