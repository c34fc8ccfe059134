import { describe, expect, test } from 'vitest';
import { run, shell, specOf } from '../support/sandbox-commands.ts';
import { KINDS, openWorld } from '../support/sandbox-kinds.ts';
import { hasControlGroups } from './bubblewrap.harness.ts';

// The limits that sandbox.suite.ts does not run into. docs/limits.md has the table.
const isHard = { container: true, process: await hasControlGroups() };
const SPIN = 'while :; do :; done';

describe.each(KINDS)('a %s sandbox', (kind) => {
  test.runIf(isHard[kind])('gets the share of CPU that it may have, and no more, however many want it', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf({ limits: { cpu: 0.5 } }));
    const { end } = await shell(sandbox, `${SPIN} & ${SPIN} & ${SPIN}`, { limits: { wallMs: 3000 } });
    expect(end).toMatchObject({ cause: 'timeout', tree: 'dead' });
    // A period of the kernel's is 100 ms: at the beginning one may be had for nothing.
    expect((end.usage.userMs + end.usage.systemMs) / end.usage.wallMs).toBeLessThan(0.6);
  });

  test('counts CPU time of children that came and went', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf());
    const short = "sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done'";
    const { end } = await shell(sandbox, `while :; do ${short}; done`, { limits: { wallMs: 60_000, cpuMs: 600 } });
    expect(end).toMatchObject({ cause: 'cpu_time', tree: 'dead' });
    expect(end.usage.userMs + end.usage.systemMs).toBeGreaterThanOrEqual(600);
    // Somebody who leaves the tree takes the account with him.
    const left = await shell(sandbox, `setsid sh -c '${SPIN}' & ${SPIN.replace(':;', 'sleep 0.05;')}`, { limits: { wallMs: 60_000, cpuMs: 600 } });
    expect(left.end).toMatchObject({ cause: 'cpu_time', tree: 'dead' });
  });

  test('holds the number of open files of each process', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf({ limits: { openFiles: 100 } }));
    const { stdout, stderr } = await run(sandbox, ['bash', '-c', 'ulimit -Sn; ulimit -Hn; ulimit -n 200; for i in $(seq 150); do exec {fd}</dev/null || { echo "stopped at $i"; exit; }; done']);
    const [soft, hard, stopped] = stdout.split('\n');
    expect([soft, hard]).toEqual(['100', '100']);
    expect(Number(/stopped at (\d+)/.exec(stopped ?? '')?.[1] ?? 0)).toBeGreaterThan(80);
    expect(stderr).toMatch(/Too many open files/i);
  });

  test('says that it ran out of inodes, wherever files may be made, and works again when there is room', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf({ limits: { inodes: 200 } }));
    for (const folder of ['/workspace', '/tmp', '$HOME', '/dev/shm']) {
      const { stderr, end } = await shell(sandbox, `cd ${folder} && for i in $(seq 300); do : > f$i || exit 3; done`);
      expect({ folder, end }).toMatchObject({ end: { cause: 'exited', exitCode: 2, limitsHit: ['inodes'] } });
      expect(stderr).toMatch(/No space left on device/);
      expect((await shell(sandbox, `cd ${folder} && rm -f f* && echo ok > g && cat g`)).stdout).toBe('ok\n');
    }
  });
});

