import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ControlGroup } from '../../../src/sandbox/bubblewrap/control-group.ts';
import { limitFiles, parseCgroupMounts, parseOwnGroup } from '../../../src/sandbox/bubblewrap/control-group-files.ts';

const limits = { cpu: 1.5, memoryBytes: 512 * 2 ** 20, pids: 128, diskBytes: 0, inodes: 0, openFiles: 0 };

describe('mounts', () => {
  const root = '22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw';

  test('version 1 has a hierarchy for each controller, or one for two of them', () => {
    const text = [
      root,
      '30 22 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory',
      '31 22 0:27 / /sys/fs/cgroup/pids rw,nosuid shared:10 - cgroup cgroup rw,pids',
      '32 22 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct',
      '33 22 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate',
    ].join('\n');
    expect(parseCgroupMounts(text)).toEqual({
      version: 1,
      memory: '/sys/fs/cgroup/memory',
      pids: '/sys/fs/cgroup/pids',
      cpu: '/sys/fs/cgroup/cpu,cpuacct',
    });
  });

  test('version 2 has one for all', () => {
    expect(parseCgroupMounts(`${root}\n28 22 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n`)).toEqual({
      version: 2,
      root: '/sys/fs/cgroup',
    });
  });

  test('a path with a space is read as it is', () => {
    expect(parseCgroupMounts('28 22 0:25 / /mnt/c\\040group rw - cgroup2 cgroup2 rw')).toEqual({ version: 2, root: '/mnt/c group' });
  });

  test('controllers that are not all there are none', () => {
    expect(parseCgroupMounts(root)).toBeUndefined();
    expect(parseCgroupMounts('30 22 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory')).toBeUndefined();
  });

  test('our own group of version 2 is the line with no controllers', () => {
    expect(parseOwnGroup('4:memory:/docker/abc\n0::/user.slice/user-1000.slice/session-1.scope\n')).toBe('/user.slice/user-1000.slice/session-1.scope');
    expect(parseOwnGroup('4:memory:/docker/abc\n')).toBeUndefined();
  });
});

describe('limits', () => {
  const written = (version: 1 | 2) => Object.fromEntries(limitFiles(version, limits).map(({ file, value }) => [file, value]));

  test('of version 1: memory before memory with swap, which may not be below it', () => {
    expect(written(1)).toEqual({
      'memory.limit_in_bytes': '536870912',
      'memory.memsw.limit_in_bytes': '536870912',
      'pids.max': '130',
      'cpu.cfs_period_us': '100000',
      'cpu.cfs_quota_us': '150000',
    });
    const order = limitFiles(1, limits).map(({ file }) => file);
    expect(order.indexOf('memory.limit_in_bytes')).toBeLessThan(order.indexOf('memory.memsw.limit_in_bytes'));
  });

  test('of version 2: no swap at all', () => {
    expect(written(2)).toEqual({ 'memory.max': '536870912', 'memory.swap.max': '0', 'pids.max': '130', 'cpu.max': '150000 100000' });
  });

  test('only swap may be missing', () => {
    for (const version of [1, 2] as const) {
      const optional = limitFiles(version, limits).filter((file) => file.optional).map(({ file }) => file);
      expect(optional).toEqual([version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max']);
    }
  });

  test('a tiny share of a processor is the least that the kernel takes', () => {
    expect(limitFiles(2, { ...limits, cpu: 0.001 }).find(({ file }) => file === 'cpu.max')?.value).toBe('1000 100000');
  });
});

describe('a group', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'groups-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const make = (name: string, files: Readonly<Record<string, string>>): string => {
    const path = join(folder, name);
    mkdirSync(path);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
    return path;
  };

  test('is entered once where hierarchies are one', () => {
    const path = join(folder, 'one');
    expect(new ControlGroup(2, { memory: path, pids: path, cpu: path }).entrances).toEqual([join(path, 'cgroup.procs')]);
  });

  test('holds what is in any of its hierarchies', async () => {
    const group = new ControlGroup(1, {
      memory: make('memory', { 'cgroup.procs': '12\n13\n' }),
      pids: make('pids', { 'cgroup.procs': '13\n14\n' }),
      cpu: join(folder, 'gone'),
    });
    expect((await group.processes()).toSorted((a, b) => a - b)).toEqual([12, 13, 14]);
  });

  test('shows init its counters where those of a container are', () => {
    const at = { memory: '/m/x', pids: '/p/x', cpu: '/c/x' };
    expect(new ControlGroup(1, at).counters).toEqual([
      { from: '/m/x/memory.oom_control', to: '/sys/fs/cgroup/memory/memory.oom_control' },
      { from: '/p/x/pids.events', to: '/sys/fs/cgroup/pids/pids.events' },
    ]);
    expect(new ControlGroup(2, { memory: '/x', pids: '/x', cpu: '/x' }).counters).toEqual([
      { from: '/x/memory.events', to: '/sys/fs/cgroup/memory.events' },
      { from: '/x/pids.events', to: '/sys/fs/cgroup/pids.events' },
    ]);
  });

  test('lets nothing fork any more before it is emptied', async () => {
    const path = make('one', { 'pids.max': '100' });
    await new ControlGroup(2, { memory: path, pids: path, cpu: path }).stopForking();
    expect(readFileSync(join(path, 'pids.max'), 'utf8')).toBe('0');
  });

  test('can be removed twice, and in part', async () => {
    const group = new ControlGroup(1, { memory: make('memory', {}), pids: join(folder, 'gone'), cpu: make('cpu', {}) });
    await group.remove();
    await group.remove();
    expect(readdirSync(folder)).toEqual([]);
  });
});
