import { expect, test } from 'vitest';
import type { JournalEvent, NewEvent } from '../../../src/contracts/index.ts';
import { OpenQuestions } from '../../../src/session/approvals/open-questions.ts';
import { foldLeft } from '../../../src/session/left-session.ts';
import { ended } from '../runs/fake-sandboxes.ts';

const SESSION = 'ses_01m80ykfe9dgc1gxfqv7rza01k';
const allow = { effect: 'allow', reason: { effect: 'allow', rule: 'r', text: 't' }, lost: [], policy: 'p' } as const;
const served = { policy: 'x', labels: { for: 'ann' } };
const opened: NewEvent = { type: 'session.opened', data: { principal: 'key:first', tenant: 'acme', roles: ['user'], policy: 'x', policyHash: 'sha256:p', served } };
const created = (sandbox: string): NewEvent => ({ type: 'sandbox.created', data: { sandbox, kind: 'process', image: 'host', limitsAre: 'hard', purpose: 'http' } });
const gone = (sandbox: string): NewEvent => ({ type: 'sandbox.gone', data: { sandbox, why: 'w' } });
const begun = (command: string, kept?: 'pipes' | 'terminal'): readonly NewEvent[] => [
  { type: 'decision', data: { request: { action: 'command.exec', argv: [command], cwd: '/' }, decision: allow, allowed: true } },
  { type: 'command.started', data: { command, sandbox: 'sbx_a', argv: [command], cwd: '/', ...(kept === undefined ? {} : { kept }) } },
];
const over = (command: string): NewEvent => ({ type: 'command.ended', data: { command, end: ended({ exitCode: 0 }), stdoutHash: '', stderrHash: '' } });

function stream(...events: readonly NewEvent[]): JournalEvent[] {
  return events.map((event, index) => ({ ...event, stream: SESSION, seq: index + 1, timeMs: 1000 + index, version: 1, previous: '', hash: '' }));
}

test('a served session is left with its sandboxes, and of their commands with those that run or that somebody may come back to', () => {
  const left = foldLeft(stream(opened, created('sbx_a'), created('sbx_b'), ...begun('one', 'pipes'), over('one'), ...begun('two'), over('two'), ...begun('three'), ...begun('four', 'terminal'), gone('sbx_b'), { type: 'sandbox.paused', data: { sandbox: 'sbx_a' } }));
  expect(left).toMatchObject({ id: SESSION, openedMs: 1000, principal: { name: 'key:first', tenant: 'acme', roles: ['user'] }, policyHash: 'sha256:p', terms: served });
  expect(left?.sandboxes).toMatchObject([{ id: 'sbx_a', createdMs: 1001, wasPaused: true }]);
  expect(left?.sandboxes[0]?.commands.map(({ id, hasEnded, kept }) => [id, hasEnded, kept])).toEqual([['one', true, 'pipes'], ['three', false, undefined], ['four', false, 'terminal']]);
});

test.each<readonly [string, readonly NewEvent[]]>([
  ['was closed', [opened, created('sbx_a'), { type: 'session.closed', data: { why: 'w' } }]],
  ['has no sandbox any more', [opened, created('sbx_a'), gone('sbx_a')]],
  ['no client of the service opened', [{ type: 'session.opened', data: { principal: 'p', tenant: 'acme', roles: [], policy: 'x', policyHash: 'sha256:p' } }, created('sbx_a')]],
])('a session that %s is not left', (_, events) => {
  expect(foldLeft(stream(...events))).toBeUndefined();
});

test('what somebody allowed once has been let through once where nobody makes a call again', () => {
  const asked = stream({ type: 'approval.awaited', data: { approval: 'apr_x' } }, { type: 'decision', data: { request: { action: 'file.write', path: '/workspace/a' }, decision: allow, allowed: true, approval: 'apr_x' } });
  const isOpen = (hasCalls: boolean): boolean => {
    const questions = new OpenQuestions({ hasCalls });
    for (const event of asked) questions.apply(event);
    return questions.isOpen('apr_x');
  };
  expect([isOpen(true), isOpen(false)]).toEqual([true, false]);
});
