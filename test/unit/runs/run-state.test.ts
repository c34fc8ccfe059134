import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Journal, JournalEvent, NewEvent } from '../../../src/contracts/index.ts';
import { foldRun } from '../../../src/runs/index.ts';
import { outlineRun } from '../../../src/runs/run-outline.ts';
import { ended } from './fake-sandboxes.ts';
import { calling, rig, ScriptedModel, tinyShell } from './rig.ts';

const usage = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4, reasoningTokens: 2 };
const reason = { effect: 'deny', rule: 'r', text: 't' } as const;
const report = { command: 'x', end: ended({ exitCode: 1 }), outputTail: '', passed: false };

/** One of each type of event that there is. */
const EVENTS: readonly NewEvent[] = [
  { type: 'session.opened', data: { principal: 'p', policy: 'x', policyHash: 'h' } },
  { type: 'session.closed', data: { why: 'w' } },
  { type: 'sandbox.created', data: { sandbox: 's', kind: 'container', image: 'i', limitsAre: 'hard', purpose: 'p' } },
  { type: 'sandbox.gone', data: { sandbox: 's', why: 'w' } },
  { type: 'sandbox.adopted', data: { sandbox: 's' } },
  { type: 'egress.started', data: { request: 'r', scheme: 'https', host: 'h', port: 443, method: 'POST', path: '/', credentials: ['c'] } },
  { type: 'egress.unknown', data: { request: 'r', scheme: 'https', host: 'h', port: 443, method: 'POST', path: '/', credentials: ['c'] } },
  { type: 'decision', data: { request: { action: 'file.read', path: '/' }, decision: { effect: 'deny', reason, lost: [], policy: 'p' }, allowed: false } },
  { type: 'command.started', data: { command: 'c', sandbox: 's', argv: ['x'], cwd: '/' } },
  { type: 'command.ended', data: { command: 'c', end: ended({ exitCode: 0 }), stdoutHash: '', stderrHash: '' } },
  { type: 'file.changed', data: { sandbox: 's', operation: 'write', path: '/', bytes: 1 } },
  { type: 'model.started', data: { call: 'm#1', model: 'm', requestHash: 'h', worstCaseUsd: 2, worstCaseTokens: 50 } },
  { type: 'model.ended', data: { call: 'm#1', reply: { text: '', calls: [{ id: 'c1', name: 'shell', input: {} }], stop: 'tools', usage, usd: 0.5, raw: null } } },
  { type: 'model.failed', data: { call: 'm#1', code: 'cancelled', message: '', unknown: true } },
  { type: 'run.created', data: { task: 't', repository: 'r', baseTree: 'b', options: { unreadable: true } } },
  { type: 'run.forked', data: { parent: { run: 'run_p', seq: 3, step: 1 }, tree: 'x', tested: report, spent: { usd: 1, tokens: 2, steps: 1 } } },
  { type: 'run.imported', data: { format: 'ATIF-v1.7', agent: 'a 1', isOurs: false, model: 'm', file: 'sha256:f', spent: { usd: 1, tokens: 2, steps: 1 } } },
  { type: 'run.copied', data: { message: { role: 'user', text: 'then' } } },
  { type: 'run.resumed', data: { fromSeq: 1 } },
  { type: 'run.prepared', data: { sandbox: 's' } },
  { type: 'effect.started', data: { effect: 'e', kind: 'branch', target: { name: 'n' }, what: 'w' } },
  { type: 'effect.ended', data: { effect: 'e', outcome: 'done', result: 'c' } },
  { type: 'effect.unknown', data: { effect: 'e', seen: 's' } },
  { type: 'run.prompted', data: { text: 'hello' } },
  { type: 'run.tested', data: { when: 'before', report, restored: [] } },
  { type: 'run.tested', data: { when: 'after', report, restored: ['a'] } },
  { type: 'tool.ended', data: { call: { id: 'c1', name: 'shell', input: {} }, outcome: { callId: 'c1', tool: 'shell', ok: true, text: '' } } },
  { type: 'run.checkpoint', data: { tree: 'x' } },
  { type: 'run.submitted', data: { summary: 's' } },
  { type: 'run.exported', data: { how: 'apply', target: 'x' } },
  { type: 'run.ended', data: { outcome: 'fixed', detail: '', files: [], steps: 1, commands: 1, denials: 0, tokens: 1, usd: 1, wallMs: 1 } },
];

function written(events: readonly NewEvent[], timesMs: readonly number[] = []): JournalEvent[] {
  return events.map((event, index) => ({ ...event, stream: 'run_x', seq: index + 1, timeMs: timesMs[index] ?? index, version: 1, previous: '', hash: '' }));
}

const of = (type: NewEvent['type']): NewEvent => EVENTS.find((event) => event.type === type)!;

/** A journal with one stream. */
function journalOf(stream: readonly JournalEvent[]): Journal {
  const journal: Pick<Journal, 'read' | 'skim'> = {
    read: async (_stream, afterSeq = 0, limit = Infinity) => stream.slice(afterSeq, afterSeq + limit),
    skim: async (_stream, { afterSeq = 0, without }) => stream.slice(afterSeq).filter(({ type }) => !without.includes(type)),
  };
  return journal as Journal;
}

test('the outline of any run says what the whole of it says', async () => {
  const asked: NewEvent[] = [
    { type: 'approval.awaited', data: { approval: 'apr_x' } },
    { type: 'run.queued', data: { priority: 0 } },
    { type: 'run.claimed', data: { worker: 'w' } },
    { type: 'run.pause_asked', data: { by: 'ann' } },
    { type: 'run.said', data: { text: 'so', by: 'ann' } },
  ];
  const events = fc.array(fc.constantFrom(...EVENTS.filter(({ type }) => type !== 'run.created'), ...asked), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(events, async (after) => {
      const stream = written([of('run.created'), ...after]);
      const { status, task, repository, createdMs, summary, spent, waitingFor, life } = foldRun(stream);
      const outline = await outlineRun(journalOf(stream), { stream: 'run_x', events: stream.length, firstMs: 0 });
      expect(outline).toMatchObject({ status, task, repository, createdMs, summary });
      if (summary === undefined) expect(outline).toMatchObject({ spent, waitingFor, life: { place: life.place, requests: life.requests } });
    }),
  );
});

test('any beginning of any stream has a state, and times and spending never go back', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 40 }), fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 40 }), (events, times) => {
      const stream = written(events, times);
      let previous = foldRun([]);
      for (let length = 1; length <= stream.length; length++) {
        const state = foldRun(stream.slice(0, length));
        expect(state.lastSeq).toBe(length);
        expect(state.activeMs).toBeGreaterThanOrEqual(previous.activeMs);
        expect(state.spent.usd).toBeGreaterThanOrEqual(previous.spent.usd);
        expect(state.messages.length).toBeGreaterThanOrEqual(previous.messages.length);
        previous = state;
      }
    }),
  );
});

test('every beginning of a real run has a state, and folding does not change the events', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel([calling('shell', { command: 'set a.txt good' }), calling('submit', { summary: 's' })]) });
  const id = await at.create();
  await at.runs.execute(id);
  const events = await at.events(id);
  const before = JSON.stringify(events);
  const statuses = events.map((_, index) => foldRun(events.slice(0, index + 1)).status);
  expect(new Set(statuses)).toEqual(new Set(['created', 'started', 'ended']));
  expect(statuses).toEqual(statuses.toSorted((a, b) => ['created', 'started', 'ended'].indexOf(a) - ['created', 'started', 'ended'].indexOf(b)));
  expect(JSON.stringify(events)).toBe(before);
});

test('a call without an end is in flight; one whose fate is unknown counts at its worst case', () => {
  expect(foldRun(written([of('model.started')]))).toMatchObject({ inFlight: { call: 'm#1', usd: 2, tokens: 50 }, spent: { usd: 0, steps: 0 } });
  expect(foldRun(written([of('model.started'), of('model.failed')]))).toMatchObject({ inFlight: undefined, spent: { usd: 2, tokens: 50, steps: 0 } });
  expect(foldRun(written([of('model.started'), of('model.ended')]))).toMatchObject({ inFlight: undefined, spent: { usd: 0.5, tokens: 10, steps: 1 } });
});

test('waiting to be begun or resumed is not time at work', () => {
  const events = [of('run.created'), of('session.opened'), of('run.prompted'), of('run.resumed'), of('session.opened'), of('run.ended'), of('run.exported')];
  expect(foldRun(written(events, [0, 1000, 1010, 9000, 9001, 9005, 99_000])).activeMs).toBe(10 + 1 + 4);
});
