import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { type DecisionRequest, type EventType, GloveboxError, type Journal, randomIds, systemClock } from '../../../src/contracts/index.ts';
import { SqliteJournal } from '../../../src/journal/index.ts';
import { Session } from '../../../src/session/index.ts';
import { TESTER } from '../../support/principal.ts';
import { FakeSandboxes, type Interpreter } from '../runs/fake-sandboxes.ts';
import { policyOf, ScriptedModel } from '../runs/rig.ts';

// What a session writes before and after what it does, also with a journal that is slow or cannot be written.
const folder = mkdtempSync(join(tmpdir(), 'glovebox-session-'));
const real = new SqliteJournal(join(folder, 'journal.db'));
const opened: Session[] = [];

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((session) => session.close()));
});

afterAll(async () => {
  await real[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Asked before each append that holds an event of `type`: a promise keeps it waiting, a rejection fails it. */
function journalThat(type: EventType, before: () => Promise<void>): Journal {
  return {
    append: async (stream, events, options) => {
      if (events.some((event) => event.type === type)) await before();
      return await real.append(stream, events, options);
    },
    read: (stream, afterSeq) => real.read(stream, afterSeq),
    follow: (stream, options) => real.follow(stream, options),
    scan: (types, options) => real.scan(types, options),
    skim: (stream, options) => real.skim(stream, options),
    streams: (options) => real.streams(options),
    verify: (stream) => real.verify(stream),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Fails while `down`. */
function brokenAt(type: EventType) {
  const state = { down: true };
  const error = new GloveboxError('journal_failed', 'the disk is full');
  return { state, error, journal: journalThat(type, () => (state.down ? Promise.reject(error) : Promise.resolve())) };
}

/** Keeps the append waiting until it is let go on. */
function slowAt(type: EventType) {
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const journal = journalThat(type, () => {
    reached.resolve();
    return goOn.promise;
  });
  return { journal, reached: reached.promise, goOn: () => goOn.resolve() };
}

let streams = 0;

function open(journal: Journal, options: { interpreter?: Interpreter; deny?: DecisionRequest['action'] } = {}) {
  const ran: string[] = [];
  const sandboxes = new FakeSandboxes((command) => {
    ran.push(command.argv.join(' '));
    return options.interpreter?.(command) ?? { stdout: 'hello' };
  });
  const reason = { effect: 'deny', rule: 'test.deny', text: 'not here' } as const;
  const policy = policyOf((request) => (request.action === options.deny ? { effect: 'deny', reason } : undefined));
  const run = `run_${(streams += 1)}`;
  const session = Session.open({ journal, sandboxes, clock: systemClock, ids: randomIds(systemClock) }, { principal: TESTER, policy, run });
  void session.then(
    (it) => opened.push(it),
    () => {},
  );
  const types = async (): Promise<readonly string[]> => (await real.read(run)).map(({ type }) => type);
  return { session, sandboxes, ran, run, types };
}

async function openSandbox(journal: Journal, options: Parameters<typeof open>[1] = {}) {
  const at = open(journal, options);
  const session = await at.session;
  return { ...at, session, sandbox: await session.sandbox('test') };
}

/** Whether a promise has settled once everything that is ready has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const turn = new Promise((resolve) => setImmediate(() => resolve(pending)));
  return (await Promise.race([promise, turn])) !== pending;
}

test('a session that policy does not allow is written down as closed again, with why', async () => {
  const { session, types, run } = open(real, { deny: 'session.open' });
  await expect(session).rejects.toMatchObject({ code: 'denied' });
  expect(await types()).toEqual(['session.opened', 'decision', 'session.closed']);
  expect((await real.read(run)).at(-1)?.data).toEqual({ why: 'session.open was refused by test.deny: not here' });
});

test('a command is handed over when decision and intent are written, and not before', async () => {
  const slow = slowAt('command.started');
  const { sandbox, ran, types } = await openSandbox(slow.journal);
  const running = sandbox.exec({ argv: ['true'] });
  await slow.reached;
  expect(await isSettled(running)).toBe(false);
  expect(ran).toEqual([]);
  slow.goOn();
  expect((await (await running).end).cause).toBe('exited');
  expect(ran).toEqual(['true']);
  expect((await types()).slice(-3)).toEqual(['decision', 'command.started', 'command.ended']);
});

test('a command whose intent cannot be written is not handed over', async () => {
  const { journal, error } = brokenAt('command.started');
  const { sandbox, ran } = await openSandbox(journal);
  await expect(sandbox.exec({ argv: ['true'] })).rejects.toBe(error);
  expect(ran).toEqual([]);
});

test('a command that is cancelled while its intent is being written never runs, and ends as cancelled', async () => {
  const slow = slowAt('command.started');
  const { sandbox, ran, types } = await openSandbox(slow.journal);
  const stop = new AbortController();
  const running = sandbox.exec({ argv: ['true'], signal: stop.signal });
  await slow.reached;
  stop.abort();
  slow.goOn();
  expect((await (await running).end).cause).toBe('cancelled');
  expect(ran).toEqual([]);
  expect((await types()).slice(-3)).toEqual(['decision', 'command.started', 'command.ended']);
});

test('how a command ended is told when it is written, and not before', async () => {
  const slow = slowAt('command.ended');
  const { sandbox, types } = await openSandbox(slow.journal);
  const { end } = await sandbox.exec({ argv: ['true'] });
  await slow.reached;
  expect(await isSettled(end)).toBe(false);
  slow.goOn();
  await end;
  expect((await types()).at(-1)).toBe('command.ended');
});

test('an end that cannot be written is told as it was, and ends the session with the error of the journal', async () => {
  const { journal, error, state } = brokenAt('command.ended');
  const { session, sandbox, sandboxes, types, run } = await openSandbox(journal, { interpreter: () => ({ stdout: 'hello', exitCode: 3 }) });
  const command = await sandbox.exec({ argv: ['true'] });
  const end = await command.end;
  expect(end).toMatchObject({ cause: 'exited', exitCode: 3 });
  expect(session.signal.reason).toBe(error);
  const output: string[] = [];
  for await (const { bytes } of command.output) output.push(bytes.toString());
  expect(output).toEqual(['hello']);
  state.down = false;
  await expect(session.close()).rejects.toBe(error);
  expect(sandboxes.alive).toBe(0);
  expect((await types()).slice(-2)).toEqual(['sandbox.gone', 'session.closed']);
  expect((await real.read(run)).at(-1)?.data).toEqual({ why: 'the end of a command could not be written: the disk is full' });
});

test('a model call whose answer cannot be written stays under way in the journal', async () => {
  const { journal, error } = brokenAt('model.ended');
  const { types, ...at } = open(journal);
  const session = await at.session;
  const request = { system: '', messages: [], tools: [], maxOutputTokens: 1 };
  await expect(session.callModel(new ScriptedModel([{ text: 'hi' }], 2), request)).rejects.toBe(error);
  expect(await types()).toEqual(['session.opened', 'decision', 'decision', 'model.started']);
  expect(session.spent).toMatchObject({ usd: 2, steps: 1 });
});
