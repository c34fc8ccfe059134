import { expect, test } from 'vitest';
import type { CommandCause, Decision } from '../../../src/contracts/index.ts';
import { describeEnd } from '../../../src/tools/shell/describe-end.ts';
import { ended } from '../runs/fake-sandboxes.ts';

const decision: Decision = { effect: 'deny', reason: { effect: 'deny', rule: 'commands.deny[0]', text: 'no sudo here' }, lost: [], policy: 'sha256:x' };

test('every cause has words, and only an exit has an exit code', () => {
  const causes: readonly CommandCause[] = ['exited', 'signalled', 'timeout', 'cpu_time', 'output', 'memory', 'disk', 'cancelled', 'policy', 'not_started', 'lost'];
  const words = causes.map((cause) => describeEnd(ended({ cause, ...(cause === 'exited' ? { exitCode: 3 } : {}) }), decision));
  expect(new Set(words).size).toBe(causes.length);
  expect(words.filter((text) => text.includes('exit code'))).toEqual(['exit code 3']);
});

test('limits, lost output and memory kills beside an exit are said', () => {
  const end = ended({
    exitCode: 0,
    limitsHit: ['pids', 'disk'],
    oomKills: { count: 2, blame: 'shared' },
    output: { stdoutBytes: 5, stderrBytes: 0, droppedBytes: 7, lostBytes: 9 },
  });
  const text = describeEnd(end, decision);
  for (const part of ['exit code 0', '2 processes were killed for lack of memory (of this command or of another', 'no more processes', 'the disk was full', '7 bytes', '9 bytes']) {
    expect(text).toContain(part);
  }
});

test('a denial names its rule and reason', () => {
  expect(describeEnd(ended({ cause: 'policy' }), decision)).toBe('not run: denied by policy (commands.deny[0]): no sudo here');
});
