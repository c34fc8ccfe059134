// Spans of a service that does real work, as a collector of OpenTelemetry gets them.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openServices } from '../../src/app.ts';
import { git } from '../e2e/glovebox.ts';
import { receiver } from '../support/receivers.ts';
import { Caller } from '../support/server.ts';

const DEMO = join(import.meta.dirname, '..', '..', 'demo', 'javascript');

type Value = string | number | boolean | readonly Value[] | undefined;

interface Received {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: Readonly<Record<string, Value>>;
}

/** OTLP's JSON: https://opentelemetry.io/docs/specs/otlp/ */
interface Message {
  readonly resourceSpans: readonly { readonly resource: { readonly attributes: readonly Attribute[] }; readonly scopeSpans: readonly { readonly spans: readonly (Omit<Received, 'attributes'> & { readonly attributes: readonly Attribute[] })[] }[] }[];
}
interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

function plain(attributes: readonly Attribute[]): Received['attributes'] {
  const valueOf = (value: Attribute['value']): Value => {
    const [[kind, held] = ['', undefined]] = Object.entries(value);
    return kind === 'arrayValue' ? (held as { values: Attribute['value'][] }).values.map(valueOf) : kind === 'intValue' ? Number(held) : (held as Value);
  };
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

/** A service whose spans go to a collector of ours, until `stop` has sent the last of them. */
async function traced() {
  const collector = await receiver(() => 200);
  const home = mkdtempSync(join(tmpdir(), 'glovebox-traces-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const services = await openServices({ env: { ...process.env, GLOVEBOX_HOME: home, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, version: 'test' });
  const lines: string[] = [];
  const telemetry = await services.telemetry({ level: 'debug', json: (line) => lines.push(line), plain: () => {} });
  const server = await services.serve({ host: '127.0.0.1', port: 0, mostLateMs: 120_000, requests: telemetry.requests });
  const stop = async () => {
    await server[Symbol.asyncDispose]();
    await telemetry[Symbol.asyncDispose]();
    await services[Symbol.asyncDispose]();
    expect(new Set(collector.got.map(({ path }) => path))).toEqual(new Set(['/v1/traces']));
    const messages = collector.got.map(({ body }) => JSON.parse(body) as Message);
    const spans = messages.flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans.map((span): Received => ({ ...span, attributes: plain(span.attributes) })))));
    return { spans, resource: plain(messages[0]?.resourceSpans[0]?.resource.attributes ?? []) };
  };
  return { services, lines: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>), caller: new Caller(server.url, server.firstKey ?? ''), stop };
}

test('a request, what is done in it, a run with its models, tools and commands: each is a span in its place, whose ids stand in the log', async () => {
  const { services, caller, lines, stop } = await traced();
  const sandbox = await caller.sandbox();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await caller.raw('POST', `/v1/sandboxes/${sandbox}/commands`, { body: JSON.stringify({ argv: ['sh', '-c', 'exit 3'] }), headers: { 'content-type': 'application/json', traceparent } });
  expect(await caller.call('POST', '/v1/javascript', { source: 'export default 1' })).toMatchObject({ status: 200 });
  const repository = mkdtempSync(join(tmpdir(), 'glovebox-traced-'));
  onTestFinished(() => rmSync(repository, { recursive: true }));
  cpSync(join(DEMO, 'repository'), repository, { recursive: true });
  for (const args of [['init', '-q', '-b', 'main'], ['add', '-A'], ['commit', '-q', '-m', 'as it came']]) git(repository, ...args);
  const run = await services.runs().create({ task: 'make the tests pass', repository, model: `transcript:${join(DEMO, 'transcript.yaml')}`, policy: 'code-fix' });
  expect(await services.runs().execute(run)).toMatchObject({ outcome: 'fixed' });
  const exported = (await services.trajectories().export(run, 'otlp', 'test')) as Message;
  const logged = lines();
  const { spans, resource } = await stop();
  expect(resource).toMatchObject({ 'service.name': 'glovebox' });

  const [request] = spans.filter(({ name, traceId }) => name === 'POST /v1/sandboxes/:id/commands' && traceId === '0af7651916cd43dd8448eb211c80319c');
  expect(request).toMatchObject({ parentSpanId: 'b7ad6b7169203331', attributes: { 'http.request.method': 'POST', 'http.route': '/v1/sandboxes/:id/commands', 'http.response.status_code': 200 } });
  const [command] = spans.filter(({ parentSpanId }) => parentSpanId === request?.spanId);
  expect(command).toMatchObject({ name: 'command sh', traceId: request?.traceId, attributes: { 'process.executable.name': 'sh', 'process.exit.code': 3, 'glovebox.command.cause': 'exited', 'error.type': 'exit_code', 'glovebox.sandbox': sandbox } });
  expect(logged.find(({ msg, command: id }) => msg === 'command ended' && id === command?.attributes['glovebox.command'])).toMatchObject({ trace: command?.traceId, span: command?.spanId });

  const program = spans.find(({ name }) => name === 'run javascript');
  expect(spans.find(({ spanId }) => spanId === program?.parentSpanId)?.name).toBe('POST /v1/javascript');

  const [root, ...others] = spans.filter(({ name }) => name === 'invoke_agent glovebox');
  expect([root, others]).toMatchObject([{ attributes: { 'gen_ai.operation.name': 'invoke_agent', 'glovebox.run.outcome': 'fixed', 'glovebox.stream': run } }, []]);
  expect(root?.parentSpanId ?? '').toBe('');
  const inside = (of: Received | undefined): readonly Received[] => spans.filter(({ parentSpanId, traceId }) => parentSpanId === of?.spanId && traceId === of?.traceId);
  const models = inside(root).filter(({ name }) => name.startsWith('chat '));
  expect(models).toHaveLength(4);
  expect(models[0]?.attributes).toMatchObject({ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'transcript', 'gen_ai.usage.output_tokens': expect.any(Number), 'gen_ai.response.finish_reasons': ['tool_call'] });
  const tools = inside(root).filter(({ name }) => name.startsWith('execute_tool '));
  expect(tools.map(({ attributes }) => attributes['gen_ai.tool.name'])).toContain('shell');
  const [shell] = tools.filter(({ name }) => name === 'execute_tool shell');
  expect(inside(shell).map(({ name }) => name)).toEqual([expect.stringMatching(/^command /)]);
  for (const span of spans) expect(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano), span.name).toBeGreaterThanOrEqual(0n);
  // An export of the run has the same ids for the run itself and its commands.
  const known = new Set(spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`));
  const again = exported.resourceSpans[0]?.scopeSpans[0]?.spans.filter(({ name }) => /^(?:invoke_agent|command) /.test(name)) ?? [];
  expect(again.length).toBeGreaterThan(3);
  expect(again.filter(({ traceId, spanId }) => !known.has(`${traceId} ${spanId}`)).map(({ name }) => name)).toEqual([]);
  expect(logged.find(({ msg, run: of }) => msg === 'run ended' && of === run)).toMatchObject({ trace: root?.traceId, span: root?.spanId });
});

test('where nobody takes spans it is said once, and the service goes on', async () => {
  const refusing = await receiver(() => 400);
  const home = mkdtempSync(join(tmpdir(), 'glovebox-traces-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  await using services = await openServices({ env: { ...process.env, GLOVEBOX_HOME: home, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${refusing.url}elsewhere` }, version: 'test' });
  const lines: string[] = [];
  const telemetry = await services.telemetry({ level: 'warn', json: (line) => lines.push(line), plain: () => {} });
  telemetry.requests.answered({ trace: { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' }, method: 'GET', route: '/v1/runs', status: 200, seconds: 0.1 });
  await telemetry[Symbol.asyncDispose]();
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([expect.stringMatching(/^spans cannot be sent: ./)]);
  expect(refusing.got.map(({ path }) => path)).toEqual(['/elsewhere']);
});
