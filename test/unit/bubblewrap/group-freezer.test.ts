import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { GroupFreezer } from '../../../src/sandbox/bubblewrap/group-freezer.ts';

const group = mkdtempSync(join(tmpdir(), 'freezer-'));
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(group, { recursive: true });
});

test('a group that takes its time to freeze is waited for, whatever becomes of the wall clock meanwhile', async () => {
  const events = join(group, 'cgroup.events');
  writeFileSync(join(group, 'cgroup.freeze'), '0\n');
  writeFileSync(events, 'populated 1\nfrozen 0\n');
  const real = Date.now();
  let looks = 0;
  vi.spyOn(Date, 'now').mockImplementation(() => real + 3_600_000 * looks++);
  const freezer = new GroupFreezer(2, group);
  const freezing = freezer.freeze();
  setTimeout(() => writeFileSync(events, 'populated 1\nfrozen 1\n'), 100);
  await freezing;
  expect(await freezer.isFrozen()).toBe(true);
});
