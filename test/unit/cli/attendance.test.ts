import { PassThrough, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Approval, ApprovalId } from '../../../src/contracts/index.ts';
import { attendanceAt } from '../../../src/cli/attendance.ts';
import { Terminal } from '../../../src/cli/terminal.ts';
import { TESTER } from '../../support/principal.ts';

/** A terminal whose person types what the test says, and what it shows. */
function terminalOf(interactive: boolean) {
  const stdin = Object.assign(new PassThrough(), { isTTY: interactive });
  let shown = '';
  const stderr = Object.assign(new Writable({ write: (chunk: Buffer, _encoding, done) => (((shown += chunk.toString()), done())) }), { isTTY: interactive });
  const streams = { stdin, stdout: stderr, stderr } as unknown as ConstructorParameters<typeof Terminal>[0];
  return { terminal: new Terminal(streams), types: (text: string) => stdin.write(text), closes: () => stdin.end(), shown: () => shown };
}

const approval = (id: string): Approval => ({
  id: id as ApprovalId,
  status: 'pending',
  askedAtMs: 0,
  question: {
    requestHash: 'sha256:0',
    policyHash: 'sha256:0',
    stream: 's',
    session: 's',
    tenant: 'local',
    askedBy: 'user:ann',
    request: { action: 'tool.call', tool: 'shell', version: '1' },
    reason: { effect: 'ask', rule: 'r', text: 'why' },
    policy: 'p',
    by: ['approver'],
    own: true,
    expiresAtMs: 0,
  },
});

const never = new AbortController().signal;

describe('whoever sits at the terminal', () => {
  test.each([
    ['o\n', 'once'],
    ['YES\n', 'once'],
    ['session\n', 'session'],
    ['\n', 'never'],
    ['n\n', 'never'],
    ['ok\n', 'never'],
    ['once more, please\n', 'never'],
  ])('who types %j says %s', async (text, answer) => {
    const at = terminalOf(true);
    const asked = attendanceAt(at.terminal, TESTER).approver?.ask(approval('apr_1'), never);
    at.types(text);
    expect(await asked).toEqual({ answer });
    expect(at.shown()).toContain('tool.call {"tool":"shell","version":"1"}');
  });

  test('who goes away says nothing', async () => {
    const at = terminalOf(true);
    const asked = attendanceAt(at.terminal, TESTER).approver?.ask(approval('apr_1'), never);
    at.closes();
    expect(await asked).toBeUndefined();
  });

  test('is asked one thing at a time; what was answered elsewhere does not wait for its turn', async () => {
    const at = terminalOf(true);
    const { approver } = attendanceAt(at.terminal, TESTER);
    const first = approver?.ask(approval('apr_1'), never);
    const elsewhere = new AbortController();
    const second = approver?.ask(approval('apr_2'), elsewhere.signal);
    const third = approver?.ask(approval('apr_3'), never);
    elsewhere.abort(new Error('answered'));
    await expect(second).rejects.toThrow('answered');
    at.types('o\n');
    expect(await first).toEqual({ answer: 'once' });
    at.types('s\n');
    expect(await third).toEqual({ answer: 'session' });
    expect(at.shown()).not.toContain('apr_2');
  });
});

test('without a terminal somebody is told what it waits for, and how to answer', () => {
  const at = terminalOf(false);
  const { approver, onWaiting } = attendanceAt(at.terminal, TESTER);
  expect(approver).toBeUndefined();
  onWaiting?.(approval('apr_1'));
  expect(at.shown()).toContain('glovebox approve apr_1, or glovebox deny apr_1');
});
