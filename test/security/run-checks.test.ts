import { expect, test } from 'vitest';
import { runChecks, scorecard } from '../../src/sandbox/probe/index.ts';
import type { Check, ProbedPlace } from '../../src/sandbox/probe/index.ts';

const check = (title: string, run: Check['run']): Check => ({ rows: [1], group: 'kernel', title, run });
/** These checks ask it for nothing. */
const nowhere = {} as ProbedPlace;

test('what cannot be judged is broken, and the next check is run all the same', async () => {
  const findings = await runChecks(nowhere, [
    check('fails', () => Promise.reject(new Error('the sandbox went away'))),
    check('holds', async () => ({ verdict: 'held', evidence: 'EPERM' })),
  ]);
  expect(findings).toMatchObject([{ verdict: 'broken', evidence: expect.stringContaining('went away') as string }, { verdict: 'held' }]);
});

test('cancelling ends it', async () => {
  const controller = new AbortController();
  const running = runChecks(nowhere, [check('waits', () => new Promise(() => controller.abort(new Error('enough'))))], { signal: controller.signal });
  await expect(running).rejects.toThrow('enough');
});

test('the scorecard counts, and shows nothing that a terminal would obey', async () => {
  const findings = await runChecks(nowhere, [
    check('holds', async () => ({ verdict: 'held', evidence: 'x'.repeat(500) })),
    check('does not', async () => ({ verdict: 'broken', evidence: '\u001b[2Jgone' })),
  ]);
  const lines = scorecard(findings).split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]?.length).toBeLessThan(220);
  expect(lines[1]).toContain('?[2Jgone');
  expect(lines[2]).toBe('1 held, 1 broken, 0 not applicable');
});
