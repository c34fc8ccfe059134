import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type DecisionRequest, GloveboxError, type Isolates, type JavaScriptEnd, type JavaScriptPlace, type JavaScriptSpec, type Journal, randomIds, systemClock } from '../../../src/contracts/index.ts';
import { SqliteJournal } from '../../../src/journal/index.ts';
import { Session } from '../../../src/session/index.ts';
import { TESTER } from '../../support/principal.ts';
import { FakeSandboxes } from '../runs/fake-sandboxes.ts';
import { policyOf } from '../runs/rig.ts';

// What a session writes before and after a program, and what it asks policy; the isolates are the test's.
const folder = mkdtempSync(join(tmpdir(), 'glovebox-programs-'));
const journal = new SqliteJournal(join(folder, 'journal.db'));
afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const RETURNED: JavaScriptEnd = { cause: 'returned', result: [2, 4], usage: { wallMs: 1, cpuMs: 1, memoryBytes: 1 }, output: { consoleBytes: 0, resultBytes: 5 } };
let streams = 0;

async function open(options: { run?: (spec: JavaScriptSpec) => Promise<JavaScriptEnd>; deny?: DecisionRequest['action']; journal?: Journal; place?: JavaScriptPlace } = {}) {
  const specs: JavaScriptSpec[] = [];
  const released: string[] = [];
  const isolates: Isolates = {
    run: (spec) => {
      specs.push(spec);
      return options.run?.(spec) ?? Promise.resolve(RETURNED);
    },
    release: (owner) => Promise.resolve(void released.push(owner)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const asked: DecisionRequest[] = [];
  const reason = { effect: 'deny', rule: 'test.deny', text: 'not here', file: '/home/somebody/policies/p.yaml', line: 4 } as const;
  const policy = policyOf((request) => {
    asked.push(request);
    return request.action === options.deny ? { effect: 'deny', reason } : undefined;
  }, { command: { wallMs: 1000, outputBytes: 100 }, javascript: { memoryBytes: 128 * 2 ** 20, place: options.place ?? 'host', functions: ['files', 'tools'] } });
  const run = `run_${(streams += 1)}`;
  const ports = { journal: options.journal ?? journal, sandboxes: new FakeSandboxes(() => ({})), isolates, clock: systemClock, ids: randomIds(systemClock) };
  const session = await Session.open(ports, { principal: TESTER, policy, run });
  return { session, specs, asked, released, events: () => journal.read(run) };
}

test('a program is decided, written down, run, and ends once', async () => {
  const { session, specs, events, asked } = await open();
  const ran = await session.javascript({ source: 'export default [2, 4]' });
  expect(ran.end).toEqual(RETURNED);
  expect(specs).toMatchObject([{ owner: session.id, fileName: 'program.js', form: 'module', limits: { wallMs: 1000, outputBytes: 100, memoryBytes: 128 * 2 ** 20 } }]);
  const written = (await events()).slice(-3);
  expect(written.map(({ type }) => type)).toEqual(['decision', 'javascript.started', 'javascript.ended']);
  expect(written[1]?.data).toMatchObject({ call: ran.id, source: 'export default [2, 4]', functions: [] });
  expect(written[2]?.data).toMatchObject({ call: ran.id, end: { cause: 'returned' }, resultHash: expect.stringMatching(/^sha256:/), consoleHash: '' });
  expect(asked.at(-1)).toEqual({ action: 'javascript.run', language: 'javascript', source: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), functions: [] });
  await session.close();
});

test('where policy places the child is what the isolates are asked for, and written down', async () => {
  for (const [place, sandbox] of [['host', undefined], ['sandbox', { kinds: ['container'], hardLimits: false }]] as const) {
    const { session, specs, events } = await open({ place });
    await session.javascript({ source: '1' });
    expect(specs[0]?.sandbox).toEqual(sandbox);
    expect((await events()).find(({ type }) => type === 'javascript.started')?.data).toMatchObject({ place });
    await session.close();
  }
});

test('one that policy refuses has an end as well, and never ran', async () => {
  const { session, specs, events } = await open({ deny: 'javascript.run' });
  const ran = await session.javascript({ source: '1' });
  expect(ran).toMatchObject({ end: { cause: 'policy' }, decision: { reason: { rule: 'test.deny' } } });
  expect(specs).toEqual([]);
  expect((await events()).slice(-2).map(({ type }) => type)).toEqual(['decision', 'javascript.ended']);
  await session.close();
});

test('one that could not be handed over is written down as not started, and the error told', async () => {
  const { session, events } = await open({ run: () => Promise.reject(new GloveboxError('kind_unavailable', 'no isolates')) });
  await expect(session.javascript({ source: '1' })).rejects.toMatchObject({ code: 'kind_unavailable' });
  expect((await events()).at(-1)).toMatchObject({ type: 'javascript.ended', data: { end: { cause: 'not_started', error: { message: 'no isolates' } } } });
  await session.close();
});

test('a caller may ask for less than policy lends, and not for more', async () => {
  const { session, specs } = await open();
  await session.javascript({ source: '1', limits: { wallMs: 10, memoryBytes: 2 ** 40, outputBytes: 1e9, cpuMs: 5 } });
  expect(specs[0]?.limits).toEqual({ wallMs: 10, memoryBytes: 128 * 2 ** 20, outputBytes: 100, cpuMs: 5 });
  await session.close();
});

test('each call of a tool is a question of its own, and a refusal reaches the program without the place of the policy', async () => {
  const called: unknown[] = [];
  const search = { version: '3', input: z.strictObject({ q: z.int() }), call: (input: unknown) => Promise.resolve(called.push(input)) };
  const { session, specs, asked } = await open({ deny: 'tool.call' });
  await session.javascript({ source: '1', grants: { tools: { search } } });
  expect(asked.at(-1)).toMatchObject({ action: 'javascript.run', functions: ['tools'] });
  await expect(specs[0]?.functions['tools.search']?.([{ q: 'one' }], new AbortController().signal)).rejects.toThrow(/^tools\.search: the input does not fit: [\s\S]*q/);
  expect(asked.at(-1)).toMatchObject({ action: 'javascript.run' });
  const call = specs[0]?.functions['tools.search'];
  await expect(call?.([{ q: 1 }], new AbortController().signal)).rejects.toThrow('tools.search: denied by test.deny');
  expect(asked.at(-1)).toEqual({ action: 'tool.call', tool: 'search', version: '3' });
  expect(called).toEqual([]);
  await session.close();
});

test('what a tool throws reaches the program without a word of where it lies', async () => {
  const broken = { version: '1', input: z.unknown(), call: () => Promise.reject(new Error('ENOENT /home/somebody/x')) };
  const lost = { version: '1', input: z.unknown(), call: () => Promise.reject(new GloveboxError('engine_failed', '/var/run/docker.sock')) };
  const { session, specs } = await open();
  await session.javascript({ source: '1', grants: { tools: { broken, lost } } });
  const signal = new AbortController().signal;
  await expect(specs[0]?.functions['tools.broken']?.([], signal)).rejects.toThrow(/^tools\.broken: failed$/);
  await expect(specs[0]?.functions['tools.lost']?.([], signal)).rejects.toThrow(/^tools\.lost: failed \(engine_failed\)$/);
  await session.close();
});

test('a tool whose name could be something else in the program is refused before anything runs', async () => {
  const { session, specs } = await open();
  const tool = { version: '1', input: z.unknown(), call: () => Promise.resolve(1) };
  for (const name of ['a.b', '', 'a b', '1']) await expect(session.javascript({ source: '1', grants: { tools: { [name]: tool } } })).rejects.toMatchObject({ code: 'usage' });
  expect(specs).toEqual([]);
  await session.close();
});

test('the end of a session ends its programs first, and gives its children back', async () => {
  const { session, released, events } = await open({
    run: ({ signal }) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve({ ...RETURNED, cause: 'cancelled' }))),
  });
  const running = session.javascript({ source: '1' });
  // The intent is written before the isolate is asked.
  while ((await events()).at(-1)?.type !== 'javascript.started') await new Promise((resolve) => setImmediate(resolve));
  await session.close();
  expect((await running).end.cause).toBe('cancelled');
  expect((await events()).slice(-2).map(({ type }) => type)).toEqual(['javascript.ended', 'session.closed']);
  expect(released).toEqual([session.id]);
});

test('an end that cannot be written ends the session', async () => {
  const error = new GloveboxError('journal_failed', 'the disk is full');
  const broken: Journal = {
    append: (stream, events, options) => (events.some(({ type }) => type === 'javascript.ended') ? Promise.reject(error) : journal.append(stream, events, options)),
    read: (stream, afterSeq) => journal.read(stream, afterSeq),
    follow: (stream, options) => journal.follow(stream, options),
    scan: (types, options) => journal.scan(types, options),
    skim: (stream, options) => journal.skim(stream, options),
    streams: (options) => journal.streams(options),
    verify: (stream) => journal.verify(stream),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { session } = await open({ journal: broken });
  expect((await session.javascript({ source: '1' })).end.cause).toBe('returned');
  expect(session.signal.reason).toBe(error);
  await expect(session.close()).rejects.toBe(error);
});
