import { expect, test } from 'vitest';
import { launchArguments } from '../../../src/sandbox/bubblewrap/launch.ts';
import { namespaceObstacles } from '../../../src/sandbox/bubblewrap/host.ts';
import { freeUser, unprivilegedRange } from '../../../src/sandbox/bubblewrap/unprivileged-user.ts';

const base = { user: undefined, entrances: [], openFiles: 256, program: ['/bin/true'] };
const HOST = '         0          0 4294967295\n';

test('the groups are entered first, then the limits are set, then root is given up, then the program runs', () => {
  const args = launchArguments({ ...base, user: { uid: 5, gid: 6 }, entrances: ['/cg/a', '/cg/b'] }, 0, 1_000_000);
  expect(args.slice(3)).toEqual([
    'launch', '2', '/cg/a', '/cg/b',
    'prlimit', '--core=0', '--nofile=4096', '--',
    'setpriv', '--no-new-privs', '--reuid=5', '--regid=6', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all', '--',
    '/bin/true',
  ]);
});

test('root is never who the program runs as', () => {
  expect(() => launchArguments(base, 0)).toThrow(/never started as root/);
  expect(() => launchArguments({ ...base, user: { uid: 0, gid: 0 } }, 0)).toThrow(/never started as root/);
});

test('an ordinary user stays who he is', () => {
  expect(launchArguments(base, 1000, 1_000_000).join(' ')).toContain('setpriv --no-new-privs -- /bin/true');
});

test('not more descriptors are asked for than we may have', () => {
  expect(launchArguments(base, 1000, 1024)).toContain('--nofile=1024');
  expect(launchArguments({ ...base, openFiles: 10_000 }, 1000, 1_000_000)).toContain('--nofile=10000');
});

test('memory is limited by process only where that is asked for', () => {
  expect(launchArguments({ ...base, dataBytes: 4096 }, 1000)).toContain('--data=4096');
  expect(launchArguments(base, 1000).some((arg) => arg.startsWith('--data'))).toBe(false);
});

test('user ids come from a range that nobody gives out', () => {
  expect(unprivilegedRange(HOST)).toEqual({ first: 0x70000000, count: 0x0fff0000 });
});

test('in a user namespace they come from the highest that it maps', () => {
  expect(unprivilegedRange('0 1000 1\n1 100000 65536\n')).toEqual({ first: 20_000, count: 45_537 });
  expect(unprivilegedRange('0 1000 1\n')).toBeUndefined();
  expect(unprivilegedRange('0 100000 65536\n100000 300000 20000\n')).toEqual({ first: 100_000, count: 20_000 });
});

test('an id that somebody has is not given again', () => {
  const answers = [1, 1, 2];
  const taken = new Set([0x70000001]);
  expect(freeUser(taken, () => answers.shift()!)).toEqual({ uid: 0x70000002, gid: 0x70000002 });
});

test('what the kernel forbids is named with its cure', () => {
  const files: Record<string, string> = { '/proc/sys/kernel/unprivileged_userns_clone': '0\n', '/proc/sys/user/max_user_namespaces': '100\n' };
  expect(namespaceObstacles((file) => files[file])).toEqual([
    '/proc/sys/kernel/unprivileged_userns_clone is 0: sysctl -w kernel.unprivileged_userns_clone=1',
  ]);
  expect(namespaceObstacles(() => undefined)).toEqual([]);
});
