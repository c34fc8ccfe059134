import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Decision, DecisionRequest, NewEvent } from '../../../src/contracts/index.ts';
import { SqliteJournal } from '../../../src/journal/index.ts';
import { backtest, Learner, learnedPolicy, recordedDecisions } from '../../../src/policy/index.ts';
import { policyWithRules } from './policies.ts';

const ALLOWED: Decision = { effect: 'allow', reason: { effect: 'allow', rule: 'test', text: 'said so' }, lost: [], policy: 'sha256:test' };
const opened = (principal: string, more: object = {}): NewEvent => ({ type: 'session.opened', data: { principal, policy: 'p', policyHash: 'sha256:test', ...more } });
const called = (tool: string): NewEvent => ({ type: 'decision', data: { request: { action: 'tool.call', tool, version: '1' } satisfies DecisionRequest, decision: ALLOWED, allowed: true } });

async function journalOf(streams: Readonly<Record<string, readonly NewEvent[]>>): Promise<SqliteJournal> {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-recorded-'));
  let now = 1_000;
  const journal = new SqliteJournal(join(folder, 'journal.db'), { clock: { now: () => (now += 1_000) } });
  onTestFinished(async () => {
    await journal[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  for (const [stream, events] of Object.entries(streams)) for (const event of events) await journal.append(stream, [event]);
  return journal;
}

const RULES = 'forbid (principal, action == Action::"tool.call", resource == Tool::"deploy") unless { principal in Role::"deployer" && principal in Tenant::"acme" };';

test('recorded questions are asked again for whoever asked them then', async () => {
  const journal = await journalOf({
    run_a: [opened('user:ann', { tenant: 'acme', roles: ['deployer'] }), called('deploy'), called('shell'), opened('user:bob', { tenant: 'acme', roles: [] }), called('deploy')],
    run_b: [called('deploy')],
    // As an older version wrote it: an administrator of this machine, who is no deployer.
    run_c: [opened('user:eve'), called('deploy'), called('shell')],
  });
  const policy = await policyWithRules(RULES, 'tools: { allow: [deploy, shell] }');
  const answers = await Array.fromAsync(backtest(policy, recordedDecisions(journal, {})), ({ event, principal, now }) => [event.stream, principal.name, now.effect]);
  expect(answers).toEqual([
    ['run_a', 'user:ann', 'allow'],
    ['run_a', 'user:ann', 'allow'],
    ['run_a', 'user:bob', 'deny'],
    ['run_b', '', 'deny'],
    ['run_c', 'user:eve', 'deny'],
    ['run_c', 'user:eve', 'allow'],
  ]);
});

test('of a session that was opened before the time that is asked for, the later decisions come, with who asked', async () => {
  const journal = await journalOf({ run_a: [opened('user:ann', { tenant: 'acme', roles: ['deployer'] }), called('a'), called('b')], run_b: [opened('user:bob'), called('c')] });
  const decisions = await Array.fromAsync(recordedDecisions(journal, { fromMs: 4_000 }), ({ event, principal }) => [event.timeMs, principal.name]);
  expect(decisions).toEqual([[4_000, 'user:ann'], [6_000, 'user:bob']]);
  expect(await Array.fromAsync(recordedDecisions(journal, { streams: ['run_b'] }), ({ event }) => event.stream)).toEqual(['run_b']);
});

test('what one may and another may not is learned from the one', async () => {
  const journal = await journalOf({ run_a: [opened('user:ann', { tenant: 'acme', roles: ['deployer'] }), called('deploy')], run_b: [opened('user:bob', { tenant: 'acme', roles: [] }), called('deploy')] });
  const learner = new Learner(await policyWithRules(RULES), { generalize: { hosts: false, paths: false }, args: 0, refused: false });
  for await (const one of recordedDecisions(journal, {})) learner.add(one);
  expect([learner.taken, learner.left, learner.unlearned[0]?.value.reason.rule]).toEqual([1, 1, 'rules.cedar[0]']);
  expect(learnedPolicy(learner, { name: 'learned', parent: 'p' }).text).toContain('# 1 request in 1 run (run_a)');
});
