import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type ApprovalAnswer, requestHash } from '../../../src/contracts/index.ts';
import type { GovernedSandbox, Session } from '../../../src/session/index.ts';
import { ANN, ApprovalsRig, ASKED, EVE } from './approvals.rig.ts';

async function push(session: Session, ...more: string[]): Promise<{ cause: string; sandbox: GovernedSandbox }> {
  const sandbox = await session.sandbox('test');
  return { cause: await pushIn(sandbox, ...more), sandbox };
}

async function pushIn(sandbox: GovernedSandbox, ...more: string[]): Promise<string> {
  return (await (await sandbox.exec({ argv: ['git', 'push', ...more] })).end).cause;
}

describe('a session that asks', () => {
  test('waits until somebody in another process says yes, and has all of it in the journal', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session();
    const pushed = push(session);
    const { approval } = await rig.awaited(session.id);
    expect(approval).toMatchObject({ status: 'pending', question: { request: ASKED, requestHash: requestHash(ASKED), policyHash: 'sha256:policy', stream: session.id, session: session.id, tenant: 'acme', askedBy: 'user:ann', by: ['approver'], own: false } });
    expect(await rig.approvals.list(EVE)).toEqual([approval]);
    expect(rig.ran).toEqual([]);
    await rig.approvals.answer(approval.id, { by: EVE, answer: 'once', why: 'looks fine', requestHash: approval.question.requestHash });
    expect((await pushed).cause).toBe('exited');
    expect(rig.ran).toEqual(['git push']);
    expect((await rig.events(approval.id)).map(({ type }) => type)).toEqual(['approval.requested', 'approval.answered', 'approval.used']);
    const decisions = (await rig.journal.read(session.id)).flatMap((event) => (event.type === 'decision' ? [event.data] : []));
    expect(decisions.at(-1)).toMatchObject({ request: ASKED, allowed: true, answeredBy: 'user:eve', approval: approval.id });
    expect(await rig.approvals.get(approval.id, EVE)).toMatchObject({ status: 'used', answer: { answer: 'once', by: 'user:eve', why: 'looks fine' } });
    expect(await rig.approvals.list(EVE)).toEqual([]);
  });

  test('once is for one time: the same again is asked again, and so is anything else', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session();
    const first = push(session);
    const { approval, seq } = await rig.awaited(session.id);
    await rig.answer(approval, 'once');
    const { sandbox } = await first;
    const again = pushIn(sandbox);
    const second = await rig.awaited(session.id, seq);
    expect(second.approval.id).not.toBe(approval.id);
    await rig.answer(second.approval, 'never');
    expect(await again).toBe('policy');
    expect(rig.ran).toEqual(['git push']);
  });

  test('session is for this request as long as the session lasts, and for no other', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session();
    const first = push(session);
    const { approval, seq } = await rig.awaited(session.id);
    await rig.answer(approval, 'session');
    const { sandbox } = await first;
    expect(await pushIn(sandbox)).toBe('exited');
    expect((await rig.events(approval.id)).filter(({ type }) => type === 'approval.used')).toHaveLength(2);
    const forced = pushIn(sandbox, '--force');
    const other = await rig.awaited(session.id, seq);
    await rig.answer(other.approval, 'never');
    expect(await forced).toBe('policy');
    const elsewhere = await rig.session();
    const foreign = push(elsewhere);
    await rig.answer((await rig.awaited(elsewhere.id)).approval, 'never');
    expect((await foreign).cause).toBe('policy');
    expect(rig.ran).toEqual(['git push', 'git push']);
  });

  test('never is remembered, and nobody is asked again', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session({ run: 'run_never', tree: 'tree1' });
    const first = push(session);
    const { approval } = await rig.awaited('run_never');
    await rig.answer(approval, 'never');
    const { cause, sandbox } = await first;
    expect(cause).toBe('policy');
    // Not even with other files.
    await session.record([{ type: 'run.checkpoint', data: { tree: 'tree2' } }]);
    expect(await pushIn(sandbox)).toBe('policy');
    expect(await rig.approvals.list(EVE, { all: true })).toHaveLength(1);
  });

  test('a yes for the session is for these files: with others it is asked again', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session({ run: 'run_files', tree: 'tree1' });
    const first = push(session);
    const { approval, seq } = await rig.awaited('run_files');
    expect(approval.question.tree).toBe('tree1');
    await rig.answer(approval, 'session');
    const { sandbox } = await first;
    expect(await pushIn(sandbox)).toBe('exited');
    await session.record([{ type: 'run.checkpoint', data: { tree: 'tree2' } }]);
    const again = pushIn(sandbox);
    const second = await rig.awaited('run_files', seq);
    expect(second.approval.question.tree).toBe('tree2');
    await rig.answer(second.approval, 'never');
    expect(await again).toBe('policy');
  });

  test('two that ask the same at once ask once, where the answer is for the session', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session();
    const both = [push(session), push(session)];
    await rig.answer((await rig.awaited(session.id)).approval, 'session');
    expect((await Promise.all(both)).map(({ cause }) => cause)).toEqual(['exited', 'exited']);
    expect(await rig.approvals.list(EVE, { all: true })).toHaveLength(1);
  });

  test('goes on without it when its time is over, and says so', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session({ grant: { expiresMs: 50 } });
    const sandbox = await session.sandbox('test');
    const command = await sandbox.exec({ argv: ['git', 'push'] });
    expect((await command.end).cause).toBe('policy');
    expect(command.decision.reason.text).toBe('it leaves (nobody answered in time)');
    const [approval] = await rig.approvals.list(EVE, { all: true });
    expect(approval?.status).toBe('over');
  });

  test('takes its question back when it ends, and whoever answers then is told', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session();
    const pushed = push(session).catch((error: unknown) => error);
    const { approval } = await rig.awaited(session.id);
    await session.close('enough');
    expect(await pushed).toMatchObject({ code: 'cancelled' });
    await expect(rig.answer(approval, 'once')).rejects.toMatchObject({ code: 'approval_refused', details: { reason: 'over' } });
  });

  test('is not idle meanwhile, and its time stands still', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session({ session: { wallMs: 3000, idleMs: 3000 } });
    const pushed = push(session);
    const { approval } = await rig.awaited(session.id);
    await setTimeout(3500);
    expect(session.signal.aborted).toBe(false);
    await rig.answer(approval, 'once');
    expect((await pushed).cause).toBe('exited');
    // And goes on afterwards.
    expect(await new Promise((resolve) => session.signal.addEventListener('abort', () => resolve('over')))).toBe('over');
  });
});

describe('an answer that does not count', () => {
  const cases: readonly [name: string, reason: string, answer: (rig: ApprovalsRig, id: Awaited<ReturnType<ApprovalsRig['awaited']>>['approval']) => Promise<unknown>][] = [
    ['by whoever asked', 'own', (rig, approval) => rig.answer(approval, 'once', { ...ANN, roles: ['approver', 'viewer'] })],
    ['by somebody without the role', 'role', (rig, approval) => rig.answer(approval, 'once', { ...EVE, roles: ['operator', 'viewer'] })],
    ['by a role of the policy’s that may approve nothing', 'role', (rig, approval) => rig.answer(approval, 'once', { ...EVE, roles: ['viewer'] })],
    ['to another request than was shown', 'altered', (rig, approval) => rig.approvals.answer(approval.id, { by: EVE, answer: 'once', requestHash: requestHash({ action: 'command.exec', argv: ['git', 'push', '--force'], cwd: '/workspace' }) })],
    [
      'after it expired',
      'expired',
      (rig, approval) => {
        rig.aheadMs = 3_600_000;
        return rig.answer(approval, 'once').finally(() => (rig.aheadMs = 0));
      },
    ],
  ];

  test.each(cases)('%s is refused as %s, written down, and lets nothing through', async (_name, reason, give) => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session();
    const pushed = push(session);
    const { approval } = await rig.awaited(session.id);
    await expect(give(rig, approval)).rejects.toMatchObject({ code: 'approval_refused', details: { reason, approval: approval.id } });
    expect((await rig.events(approval.id)).at(-1)).toMatchObject({ type: 'approval.refused', data: { reason } });
    expect(rig.ran).toEqual([]);
    expect(await rig.approvals.get(approval.id, EVE)).toMatchObject({ status: 'pending' });
    await rig.answer(approval, 'never');
    expect((await pushed).cause).toBe('policy');
  });

  test('replayed: the first one stands', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session();
    const pushed = push(session);
    const { approval } = await rig.awaited(session.id);
    await rig.answer(approval, 'never');
    await expect(rig.answer(approval, 'once')).rejects.toMatchObject({ code: 'approval_refused', details: { reason: 'answered' }, message: expect.stringContaining('user:eve has answered already: never') });
    expect((await pushed).cause).toBe('policy');
  });

  test('of two at the same time one counts', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session();
    const pushed = push(session);
    const { approval } = await rig.awaited(session.id);
    const said: ApprovalAnswer[] = ['once', 'never', 'never'];
    const ends = await Promise.allSettled(said.map((answer) => rig.answer(approval, answer)));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const counted = ends.findIndex(({ status }) => status === 'fulfilled');
    expect((await pushed).cause).toBe(said[counted] === 'once' ? 'exited' : 'policy');
  });

  test('of another tenant: there is no such approval for him', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session();
    const pushed = push(session);
    const { approval } = await rig.awaited(session.id);
    const mallory = { ...EVE, tenant: 'other' };
    await expect(rig.answer(approval, 'once', mallory)).rejects.toMatchObject({ code: 'not_found' });
    await expect(rig.approvals.get(approval.id, mallory)).rejects.toMatchObject({ code: 'not_found' });
    expect(await rig.approvals.list(mallory, { all: true })).toEqual([]);
    await rig.answer(approval, 'never');
    expect((await pushed).cause).toBe('policy');
  });

  test('written into the journal past the check, it counts for nothing', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session({ grant: { expiresMs: 400 } });
    const pushed = push(session);
    const { approval } = await rig.awaited(session.id);
    await rig.journal.append(approval.id, [{ type: 'approval.answered', data: { answer: 'once', by: 'user:ann', tenant: 'acme', roles: ['approver'] } }]);
    await rig.journal.append(approval.id, [{ type: 'approval.answered', data: { answer: 'once', by: 'user:eve', tenant: 'other', roles: ['approver'] } }]);
    await rig.journal.append(approval.id, [{ type: 'approval.answered', data: { answer: 'once', by: 'user:eve', tenant: 'acme', roles: ['viewer'] } }]);
    expect((await pushed).cause).toBe('policy');
    expect(rig.ran).toEqual([]);
  });
});

describe('a run that was interrupted while it waited', () => {
  /** What Eve says while nobody is at it, and what a second go comes to. */
  async function interrupted(answer: ApprovalAnswer, then: Parameters<ApprovalsRig['session']>[0] = {}) {
    const rig = await ApprovalsRig.make();
    const first = await rig.session({ run: 'run_1', tree: 'tree1' });
    const lost = push(first).catch(() => 'lost');
    const { approval, seq } = await rig.awaited('run_1');
    await first.close('interrupted');
    expect(await lost).toBe('lost');
    await rig.answer(approval, answer);
    const second = await rig.session({ run: 'run_1', tree: 'tree1', ...then });
    return { rig, approval, seq, second };
  }

  test('goes on by the answer that came meanwhile, once', async () => {
    const { rig, seq, second } = await interrupted('once');
    const { cause, sandbox } = await push(second);
    expect(cause).toBe('exited');
    const again = pushIn(sandbox);
    await rig.answer((await rig.awaited('run_1', seq)).approval, 'never');
    expect(await again).toBe('policy');
    expect(rig.ran).toEqual(['git push']);
  });

  test.each([
    ['files', { tree: 'tree2' }],
    ['policy', { policyHash: 'sha256:other' }],
    ['person who asks', { principal: { ...ANN, name: 'user:bob' } }],
  ])('asks again where the %s is another one', async (_what, then) => {
    const { rig, seq, second, approval } = await interrupted('once', then);
    const pushed = push(second);
    const asked = await rig.awaited('run_1', seq);
    expect(asked.approval.id).not.toBe(approval.id);
    await rig.answer(asked.approval, 'never');
    expect((await pushed).cause).toBe('policy');
    expect(rig.ran).toEqual([]);
  });

  test('takes back what it asked with other files, once it asks again', async () => {
    const rig = await ApprovalsRig.make();
    const first = await rig.session({ run: 'run_1', tree: 'tree1' });
    const lost = push(first).catch(() => 'lost');
    const { approval, seq } = await rig.awaited('run_1');
    await first.close('interrupted');
    await lost;
    const pushed = push(await rig.session({ run: 'run_1', tree: 'tree2' }));
    await rig.answer((await rig.awaited('run_1', seq)).approval, 'never');
    expect((await pushed).cause).toBe('policy');
    await expect(rig.answer(approval, 'once')).rejects.toMatchObject({ code: 'approval_refused', details: { reason: 'over' } });
  });

  test('is waited for as long as it was to be, and no longer', async () => {
    const rig = await ApprovalsRig.make();
    const first = await rig.session({ run: 'run_1' });
    const lost = push(first).catch(() => 'lost');
    const { approval } = await rig.awaited('run_1');
    await first.close('interrupted');
    await lost;
    const told: number[] = [];
    const pushed = push(await rig.session({ run: 'run_1', grant: { expiresMs: 3_600_000 }, onWaiting: ({ question }) => void told.push(question.expiresAtMs) }));
    await rig.answer(approval, 'once');
    expect((await pushed).cause).toBe('exited');
    expect(told).toEqual([approval.question.expiresAtMs]);
  });

  test('an answer to it is none for another run, though that says it waited for it', async () => {
    const { rig, approval } = await interrupted('once');
    const [last] = await rig.journal.append('run_3', [{ type: 'approval.awaited', data: { approval: approval.id } }]);
    const pushed = push(await rig.session({ run: 'run_3', tree: 'tree1' }));
    const asked = await rig.awaited('run_3', last?.seq);
    expect(asked.approval.id).not.toBe(approval.id);
    await rig.answer(asked.approval, 'never');
    expect((await pushed).cause).toBe('policy');
  });

  test('an answer to it is none where the question was altered in the journal', async () => {
    const rig = await ApprovalsRig.make();
    const first = await rig.session({ run: 'run_1' });
    const lost = push(first, 'origin').catch(() => 'lost');
    const { approval, seq } = await rig.awaited('run_1');
    await first.close('interrupted');
    await lost;
    // Eve is shown something harmless, and would say yes to it.
    rig.alter(approval.id, '"origin"', '"--dry-run"');
    const shown = await rig.approvals.get(approval.id, EVE);
    expect(shown.question.request).toMatchObject({ argv: ['git', 'push', '--dry-run'] });
    await expect(rig.answer(shown, 'once')).rejects.toMatchObject({ code: 'approval_refused', details: { reason: 'altered' } });
    const pushed = push(await rig.session({ run: 'run_1' }), 'origin');
    const asked = await rig.awaited('run_1', seq);
    expect(asked.approval.id).not.toBe(approval.id);
    await rig.answer(asked.approval, 'never');
    expect((await pushed).cause).toBe('policy');
  });

  test('an answer to it is none for a run that never asked', async () => {
    const { rig, second } = await interrupted('once', { run: 'run_2' });
    const pushed = push(second);
    await rig.answer((await rig.awaited('run_2')).approval, 'never');
    expect((await pushed).cause).toBe('policy');
  });
});

describe('somebody at the terminal', () => {
  const says = (answer: ApprovalAnswer | undefined, principal = ANN) => {
    const refusals: string[] = [];
    const asked: string[] = [];
    return {
      refusals,
      asked,
      approver: {
        principal: { ...principal, roles: ['approver', 'viewer'] },
        ask: (approval: { id: string }) => {
          asked.push(approval.id);
          return Promise.resolve(answer === undefined ? undefined : { answer });
        },
        refused: (_id: string, why: string) => void refusals.push(why),
      },
    };
  };

  test('may say yes to himself where the policy says nothing of approvals', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session({ grant: 'none', ...says('once') });
    expect((await push(session)).cause).toBe('exited');
    const [approval] = await rig.approvals.list(EVE, { all: true });
    expect(approval).toMatchObject({ status: 'used', answer: { by: 'user:ann', answer: 'once' } });
  });

  test('who says nothing has refused it, where nobody else is waited for', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session({ grant: 'none', ...says(undefined) });
    expect((await push(session)).cause).toBe('policy');
  });

  test('may not where the policy says so: he is not asked, is told why, and others are waited for', async () => {
    const rig = await ApprovalsRig.make();
    const person = says('once');
    const session = await rig.session({ ...person });
    const pushed = push(session);
    const { approval } = await rig.awaited(session.id);
    await rig.answer(approval, 'once');
    expect((await pushed).cause).toBe('exited');
    expect(person.asked).toEqual([]);
    expect(person.refusals).toEqual([expect.stringContaining('approvals.own')]);
  });

  test('is the only one who is asked of what nobody is waited for, and without him it is refused', async () => {
    const rig = await ApprovalsRig.make();
    const grant = { for: ['export.patch'], own: true } as const;
    expect((await push(await rig.session({ grant }))).cause).toBe('policy');
    expect(await rig.approvals.list(EVE, { all: true })).toEqual([]);
    expect((await push(await rig.session({ grant, ...says('once') }))).cause).toBe('exited');
    const session = await rig.session({ grant });
    const leaving = session.allowExport({ paths: ['a'], bytes: 1 }, 'tree1');
    const { approval } = await rig.awaited(session.id);
    expect(approval.question.tree).toBe('tree1');
    await rig.answer(approval, 'once');
    await leaving;
  });

  test('is not asked without end', async () => {
    const rig = await ApprovalsRig.make();
    const person = says('once');
    const session = await rig.session({ grant: 'none', ...person });
    const sandbox = await session.sandbox('test');
    for (let i = 0; i < 100; i++) expect(await pushIn(sandbox, String(i))).toBe('exited');
    const command = await sandbox.exec({ argv: ['git', 'push', 'once more'] });
    expect((await command.end).cause).toBe('policy');
    expect(command.decision.reason.text).toContain('it has asked 100 times in this session');
    expect(person.asked).toHaveLength(100);
  });

  test('nobody there, and no policy of it: a refusal that says so', async () => {
    const rig = await ApprovalsRig.make();
    const session = await rig.session({ grant: 'none' });
    const command = await (await session.sandbox('test')).exec({ argv: ['git', 'push'] });
    expect((await command.end).cause).toBe('policy');
    expect(command.decision.reason.text).toBe('it leaves (nobody can be asked here)');
  });
});
