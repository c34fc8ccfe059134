import { appendFileSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newCredentials } from '../../src/broker/index.ts';
import { type Approval, type ApprovalAnswer, type Authority, type EffectFinding, GloveboxError, type Journal, type OutsideEffect, randomIds, type RunId, systemClock } from '../../src/contracts/index.ts';
import { Runs } from '../../src/runs/index.ts';
import { type Approver, JournalApprovals, OutsideEffects } from '../../src/session/index.ts';
import { GitWorkspaces } from '../../src/workspace/index.ts';
import { gitHome } from '../support/git-home.ts';
import { TESTER } from '../support/principal.ts';
import { calling, policyOf, type Rig, rig, ScriptedModel, tinyShell } from '../unit/runs/rig.ts';
import { userGit } from '../unit/workspace/support.ts';

const EVERYBODY: Authority = { principal: () => TESTER, holding: () => TESTER, may: () => true };
const DEAD = 'the process died';
const never = new AbortController().signal;

/** The same journal, for a process that dies at its n-th append: before it is written, or right after. Nothing of that process is written later. */
function dying(journal: Journal, at: number, when: 'before' | 'after'): { journal: Journal; die: () => never } {
  let appends = 0;
  let isDead = false;
  const die = (): never => {
    isDead = true;
    throw new GloveboxError('journal_failed', DEAD);
  };
  const append: Journal['append'] = async (...args) => {
    appends += 1;
    if (isDead || (appends === at && when === 'before')) return die();
    const written = await journal.append(...args);
    return appends === at ? die() : written;
  };
  return { journal: new Proxy(journal, { get: (target, property) => (property === 'append' ? append : bound(target, property)) }), die };
}

function bound(target: object, property: string | symbol): unknown {
  const value: unknown = Reflect.get(target, property, target);
  return typeof value === 'function' ? value.bind(target) : value;
}

/** A server that counts, and may or may not be able to say whether it was asked. */
class Counter implements OutsideEffect {
  readonly kind = 'push';
  readonly target = { remote: 'somewhere' };
  readonly what = 'a branch is pushed somewhere';
  readonly done: string[] = [];
  finding: EffectFinding | undefined;
  /** What goes wrong once it is done. */
  after: () => void = () => {};

  perform(key: string): Promise<string> {
    this.done.push(key);
    return Promise.resolve().then(this.after).then(() => 'commit');
  }

  lookUp(key: string): Promise<EffectFinding> {
    return Promise.resolve(this.finding ?? (this.done.includes(key) ? { state: 'done', result: 'commit' } : { state: 'absent' }));
  }
}

/** Somebody who answers, and remembers what he was asked. */
class Answering implements Approver {
  readonly principal = TESTER;
  readonly asked: Approval[] = [];
  readonly #answer: ApprovalAnswer;

  constructor(answer: ApprovalAnswer) {
    this.#answer = answer;
  }

  ask(approval: Approval): Promise<{ answer: ApprovalAnswer }> {
    this.asked.push(approval);
    return Promise.resolve({ answer: this.#answer });
  }

  refused(_id: string, why: string): void {
    throw new Error(why);
  }
}

function effectsOf(at: Rig, id: RunId, how: { journal?: Journal; approver?: Approver } = {}): OutsideEffects {
  const { journal = at.ports.journal, approver } = how;
  const approvals = new JournalApprovals({ journal, clock: systemClock, authority: EVERYBODY });
  const ports = { ...at.ports, journal, ids: randomIds(systemClock), approvals, ...(approver === undefined ? {} : { approver }) };
  return new OutsideEffects(ports, { stream: id, principal: TESTER, policy: policyOf() });
}

const made = (): Rig => rig({ interpreter: tinyShell, model: new ScriptedModel([calling('shell', { command: 'set a.txt good' }), calling('submit', { summary: 'done' })]) });

test('an effect that can be looked up is done once, wherever the process dies, and is another one when it is wanted again', async () => {
  await using at = made();
  const id = await at.create();
  for (const [position, when, times] of [[1, 'before', 1], [1, 'after', 1], [2, 'before', 1]] as const) {
    const counter = new Counter();
    const first = dying(at.ports.journal, position, when);
    await expect(effectsOf(at, id, { journal: first.journal }).run(counter, { signal: never })).rejects.toThrow(DEAD);
    expect(await effectsOf(at, id).run(counter, { signal: never })).toBe('commit');
    expect(counter.done, `${when} append ${position}`).toHaveLength(times);
  }
  const again = new Counter();
  await effectsOf(at, id).run(again, { signal: never });
  await effectsOf(at, id).run(again, { signal: never });
  expect(new Set(again.done).size).toBe(2);
});

test('an error that came after it was done is none', async () => {
  await using at = made();
  const id = await at.create();
  const counter = new Counter();
  counter.after = () => {
    throw new GloveboxError('deadline', 'the other side fell silent');
  };
  expect(await effectsOf(at, id).run(counter, { signal: never })).toBe('commit');
  expect((await at.events(id)).at(-1)).toMatchObject({ type: 'effect.ended', data: { outcome: 'done', found: true } });
});

test.each([['once', 2, undefined], ['happened', 1, undefined], ['never', 1, 'denied']] as const)('of what nobody knows a person is asked, with what was tried and seen: %s', async (answer, times, code) => {
  await using at = made();
  const id = await at.create();
  const counter = new Counter();
  counter.finding = { state: 'unknown', seen: 'the other side does not answer' };
  const first = dying(at.ports.journal, 2, 'before');
  await expect(effectsOf(at, id, { journal: first.journal }).run(counter, { signal: never })).rejects.toThrow(DEAD);
  // Nobody is there: it is refused, and stays as it is.
  await expect(effectsOf(at, id, { approver: undefined } as object).run(counter, { signal: AbortSignal.timeout(50) })).rejects.toThrow();
  const person = new Answering(answer);
  const outcome = effectsOf(at, id, { approver: person }).run(counter, { signal: never });
  if (code === undefined) await outcome;
  else await expect(outcome).rejects.toMatchObject({ code });
  expect(counter.done).toHaveLength(times);
  expect(new Set(counter.done).size).toBe(1);
  expect(person.asked).toHaveLength(1);
  expect(person.asked[0]?.question.request).toMatchObject({ action: 'effect.repeat', what: counter.what, seen: 'the other side does not answer', triedAtMs: [expect.any(Number)] });
  // It is settled: nobody is asked again.
  counter.finding = undefined;
  await effectsOf(at, id).run(counter, { signal: never });
  expect(person.asked).toHaveLength(1);
});

test('a yes for the session is no answer to it, and a command cannot have happened', async () => {
  await using at = made();
  const id = await at.create();
  const counter = new Counter();
  counter.finding = { state: 'unknown', seen: 'nothing' };
  const first = dying(at.ports.journal, 2, 'before');
  await effectsOf(at, id, { journal: first.journal }).run(counter, { signal: never }).catch(() => {});
  const asking = effectsOf(at, id, { approver: { principal: TESTER, ask: () => Promise.resolve(undefined), refused: () => {} } }).run(counter, { signal: never });
  await expect(asking).rejects.toMatchObject({ code: 'denied' });
  const approvals = new JournalApprovals({ journal: at.ports.journal, clock: systemClock, authority: EVERYBODY });
  const [approval] = await approvals.list(TESTER, { all: true });
  const given = { by: TESTER, answer: 'session', requestHash: approval?.question.requestHash ?? '' } as const;
  await expect(approvals.answer(approval?.id ?? expect.fail('nobody was asked'), given)).rejects.toMatchObject({ code: 'usage' });
});

test('a branch is made once, and a patch applied once, wherever the process dies in between', async () => {
  await using at = made();
  const repository = join(at.folder, 'repository');
  const git = (...args: string[]): string => execFileSync('git', ['-C', repository, '-c', 'user.name=x', '-c', 'user.email=x@x', ...args], { encoding: 'utf8' });
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'first');
  const id = await at.create();
  await at.runs.execute(id);
  for (const [position, when] of [[1, 'before'], [1, 'after'], [2, 'before']] as const) {
    const name = `made-${position}-${when}`;
    const dead = new Runs({ ...at.ports, journal: dying(at.ports.journal, position, when).journal });
    await expect(dead.branch(id, name)).rejects.toThrow(DEAD);
    const commit = await at.runs.branch(id, name);
    expect(git('rev-parse', name).trim()).toBe(commit);
    expect(git('log', '--format=%s', name).trim().split('\n')).toHaveLength(2);
  }
  await expect(at.runs.branch(id, 'made-1-before')).rejects.toMatchObject({ code: 'usage' });
  await expect(new Runs({ ...at.ports, journal: dying(at.ports.journal, 2, 'before').journal }).apply(id)).rejects.toThrow(DEAD);
  expect(readFileSync(join(repository, 'a.txt'), 'utf8')).toBe('good\n');
  await at.runs.apply(id);
  expect(await at.count(id, 'run.exported')).toBe(4);
  await at.ports.journal.verify();
});

test('files that are neither those before the patch nor those after it are for a person to look at', async () => {
  await using at = made();
  const id = await at.create();
  await at.runs.execute(id);
  await expect(new Runs({ ...at.ports, journal: dying(at.ports.journal, 1, 'after').journal }).apply(id)).rejects.toThrow(DEAD);
  const file = join(at.folder, 'repository', 'a.txt');
  appendFileSync(file, 'and more\n');
  const person = new Answering('happened');
  const approvals = new JournalApprovals({ journal: at.ports.journal, clock: systemClock, authority: EVERYBODY });
  await new Runs({ ...at.ports, approvals, approver: person }).apply(id);
  expect(person.asked[0]?.question.request).toMatchObject({ seen: expect.stringContaining('neither') });
  expect(readFileSync(file, 'utf8')).toBe('bad\nand more\n');
});

test('a request that was under way when the process died is written down as unknown, once', async () => {
  await using at = made();
  const id = await at.create();
  const begun = { request: 'one', scheme: 'https', host: 'up.test', port: 443, method: 'POST', path: '/', credentials: ['github'] } as const;
  const ended = { scheme: 'https', host: 'up.test', port: 443, sentBytes: 0, receivedBytes: 0, wallMs: 1 } as const;
  await at.ports.journal.append(id, [
    { type: 'session.opened', data: { principal: 'p', policy: 'test', policyHash: 'sha256:policy' } },
    { type: 'egress.started', data: begun },
    { type: 'egress.started', data: { ...begun, request: 'two' } },
    { type: 'egress.ended', data: { ...ended, request: 'two' } },
  ]);
  expect((await at.runs.show(id)).requests).toEqual([begun]);
  await at.runs.execute(id);
  expect((await at.events(id)).flatMap((event) => (event.type === 'egress.unknown' ? [event.data] : []))).toEqual([begun]);
  expect((await at.runs.show(id)).requests).toEqual([]);
});

test('a branch is pushed once, wherever the process dies or the network fails in between', async () => {
  let isFailing = false;
  const { folder, url, pushes, environment } = await gitHome({ 'a.txt': 'bad\n' }, () => isFailing);
  await using at = made();
  const repository = join(at.folder, 'repository');
  userGit(repository, ['init', '-q', '-b', 'main']);
  userGit(repository, ['remote', 'add', 'origin', url]);
  const id = await at.create();
  await at.runs.execute(id);
  const runsOver = (journal: Journal): Runs => new Runs({ ...at.ports, workspaces: new GitWorkspaces({ folder: join(at.folder, 'trees'), blobs: at.ports.blobs, environment, credentials: newCredentials }), journal });
  for (const [position, when] of [[1, 'before'], [1, 'after'], [2, 'before']] as const) {
    const name = `made-${position}-${when}`;
    const already = pushes.length;
    await expect(runsOver(dying(at.ports.journal, position, when).journal).push(id, name)).rejects.toThrow(DEAD);
    const commit = await runsOver(at.ports.journal).push(id, name);
    expect(userGit(folder, ['log', '--format=%H %s', '-1', name]).trim()).toBe(`${commit} make it good`);
    expect(pushes.length - already, name).toBe(1);
  }
  // It was taken, and nobody heard of it.
  isFailing = true;
  const commit = await runsOver(at.ports.journal).push(id, 'unheard');
  expect(userGit(folder, ['rev-parse', 'unheard']).trim()).toBe(commit);
  expect((await at.events(id)).findLast(({ type }) => type === 'effect.ended')).toMatchObject({ data: { outcome: 'done', found: true } });
});
