import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { IsolateRig } from '../support/isolates.ts';
import { isolateSuite } from './isolates.suite.ts';

isolateSuite('host');

describe('children of this process', () => {
  test('one owner never gets a child of another', async () => {
    await using own = new IsolateRig({ maxChildren: 1 });
    const before = new Set(children());
    const seen: (string | undefined)[] = [];
    for (const owner of ['a', 'a', 'b', 'b']) {
      await own.run('export default 1', { owner });
      seen.push(children().find((pid) => !before.has(pid)));
    }
    expect(seen[0]).toBe(seen[1]);
    expect(seen[2]).toBe(seen[3]);
    expect(seen[1]).not.toBe(seen[2]);
    expect(own.pool.size).toBe(1);
  });

  test.runIf(process.getuid?.() === 0)('have no user, no capability, no environment and no network of ours', async () => {
    await using own = new IsolateRig({ maxChildren: 1 });
    const started = Promise.withResolvers<void>();
    const stop = new AbortController();
    const before = new Set(children());
    const running = own.run('console.log("going"); for (;;);', { onConsole: () => started.resolve(), signal: stop.signal });
    await started.promise;
    const [pid] = children().filter((one) => !before.has(one));
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\s+(?!0\b)(\d+)\s+\1\s+\1\s+\1$/m);
    expect(status).toMatch(/^Groups:\s*$/m);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) expect(status).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toBe('');
    expect(readFileSync(`/proc/${pid}/net/dev`, 'utf8').match(/^\s*\w+:/gm)).toEqual([expect.stringContaining('lo:')]);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')).toContain('--permission');
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
    expect(limits).toMatch(/^Max core file size\s+0\s+0/m);
    expect(limits).toMatch(/^Max file size\s+0\s+0/m);
    expect(limits).not.toMatch(/^Max data size\s+unlimited/m);
    stop.abort();
    await running;
  });
});

function children(): string[] {
  return readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ');
}
