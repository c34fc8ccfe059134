import { expect, onTestFinished, test } from 'vitest';
import { CredentialDetector, KnownSecrets, Redaction } from '../../../src/broker/index.ts';
import type { AppendObserver, JournalEvent, LogLevel } from '../../../src/contracts/index.ts';
import { ProcessTelemetry } from '../../../src/telemetry/index.ts';

const TOKEN = `ghp_${'a1B2'.repeat(9)}`;

/** Telemetry of a process whose journal is told here what was appended. */
async function watched(level: LogLevel = 'debug') {
  const known = new KnownSecrets();
  known.add('database-password', 'correct horse battery staple');
  const redactor = new Redaction(known, new CredentialDetector());
  const lines: string[] = [];
  const plain: string[] = [];
  const observers = new Set<AppendObserver>();
  const state = { kinds: [{ kind: 'container', available: true, detail: 'runc' }, { kind: 'gvisor', available: false, detail: 'no runsc' }], nowMs: 0, stoppedBy: undefined as string | undefined };
  const observe = (observer: AppendObserver): Disposable => {
    observers.add(observer);
    return { [Symbol.dispose]: () => void observers.delete(observer) };
  };
  const sources = {
    queue: () => Promise.resolve({ runs: 3, oldestMs: -5000 }),
    isolates: () => ({ busy: 1, idle: 2, waiting: 0 }),
    pool: () => undefined,
    journalBytes: () => Promise.reject(new Error('no disk')),
    kinds: () => Promise.resolve(state.kinds),
    stoppedBy: () => Promise.resolve(state.stoppedBy),
  };
  const telemetry = await ProcessTelemetry.open({ clock: { now: () => state.nowMs }, redactor, journal: { observe }, sources }, { level, json: (line) => lines.push(line), plain: (text) => plain.push(text) });
  onTestFinished(() => telemetry[Symbol.asyncDispose]());
  const append = (stream: string, ...events: readonly { readonly type: JournalEvent['type']; readonly data: object }[]): void => {
    // What the journal adds is not looked at here.
    for (const observer of observers) observer.appended(events.map((event, i) => ({ stream, seq: i + 1, timeMs: 0, version: 1, previous: '', hash: '', ...event }) as JournalEvent), 0.002);
  };
  return { telemetry, lines, state, append, fail: (error: Error) => observers.forEach((observer) => observer.failed(error)) };
}

test('a line is one object of JSON with the ids of what goes on, whatever is in it, and no secret', async () => {
  const { telemetry, lines } = await watched();
  telemetry.requests.begin({ trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' }, () => {
    telemetry.log.with({ run: 'run_1' }).write('warn', `it said\n{"level":"error"}\u001b[31m and ${TOKEN}`, { text: 'correct horse battery staple', absent: undefined });
  });
  await expect.poll(() => lines.length).toBe(1);
  expect(lines[0]?.match(/\n/g)).toHaveLength(1);
  expect(lines[0]).not.toContain('\u001b');
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  expect(line).toMatchObject({ level: 'warn', trace: '0af7651916cd43dd8448eb211c80319c', run: 'run_1', text: expect.stringMatching(/^\[secret:/) as string, msg: expect.stringContaining('it said\n') as string });
  expect(lines.join('')).not.toContain(TOKEN);
});

test('what is below the level is not written', async () => {
  const { telemetry, lines } = await watched('warn');
  telemetry.log.write('info', 'quiet');
  telemetry.log.write('error', 'loud');
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['loud']);
});

test('what is appended moves the figures; names that clients choose make only so many series', async () => {
  const { telemetry, append } = await watched();
  const usage = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
  for (let i = 0; i < 60; i++) append('run_1', { type: 'model.ended', data: { call: `openai-chat:m${i}#1`, reply: { usage, usd: 0.5 } } });
  append('ses_1', { type: 'sandbox.created', data: { sandbox: 'sbx_1', kind: 'process' } }, { type: 'sandbox.created', data: { sandbox: 'sbx_2', kind: 'process' } }, { type: 'sandbox.paused', data: { sandbox: 'sbx_2' } });
  append('ses_1', { type: 'egress.refused', data: { via: 'proxy', code: 'address_forbidden', text: '' } });
  telemetry.requests.answered({ trace: { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' }, method: 'GET', route: '/v1/runs/:id', status: 404, seconds: 0.002 });
  const text = await telemetry.metrics.text();
  expect(text.match(/^glovebox_model_calls_total\{.*\} /gm)).toHaveLength(51);
  expect(text).toContain('glovebox_model_usd_total{model="other"} 5\n');
  expect(text).toContain('glovebox_sandboxes{kind="process",state="running"} 1\n');
  expect(text).toContain('glovebox_sandboxes{kind="process",state="paused"} 1\n');
  expect(text).toContain('glovebox_egress_refusals_total{code="address_forbidden"} 1\n');
  expect(text).toContain('glovebox_http_requests_total{method="GET",route="/v1/runs/:id",status="4xx"} 1\n');
  expect(text).toContain('glovebox_queue_oldest_age_seconds 5\n');
  expect(text).toContain('glovebox_isolates{state="idle"} 2\n');
  expect(text).toContain('glovebox_journal_append_seconds_count 62\n');
});

test('a source that fails is left out and counted, and the others are read', async () => {
  const { telemetry } = await watched();
  await telemetry.metrics.text();
  const text = await telemetry.metrics.text();
  expect(text).toContain('glovebox_metrics_source_failures_total{source="journal_bytes"}');
  expect(text).toContain('glovebox_queue_runs 3\n');
});

test('degraded is what worked and does not, for as long as it does not', async () => {
  const { telemetry, state, append, fail } = await watched();
  const now = async (): Promise<string[]> => (await telemetry.degradations.now()).map(({ what }) => what).toSorted();
  expect(await now()).toEqual([]);
  state.kinds = state.kinds.map((kind) => ({ ...kind, available: false }));
  state.stoppedBy = 'user:ann';
  append('run_1', { type: 'model.fell_back', data: { from: 'a:x', to: 'b:y', code: 'model_unavailable', message: '', untilMs: 1000 } });
  fail(Object.assign(new Error('disk'), { code: 'journal_failed' }));
  expect(await now()).toEqual(['journal', 'kind:container', 'model', 'stopped']);
  expect(await telemetry.metrics.text()).toContain('glovebox_degraded{what="model"} 1\n');
  state.nowMs = 1000;
  state.stoppedBy = undefined;
  append('run_1', { type: 'run.created', data: {} });
  expect(await now()).toEqual(['kind:container']);
});
