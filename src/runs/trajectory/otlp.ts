import { answerAttributes, canonicalJson, modelAttributes, spanIdOf, traceIdOf } from '../../contracts/index.ts';
import type { RanCommand, TrajectoryReading, Turn, TurnCall } from './reading.ts';

/** A number is a whole one; money is not. */
type Value = string | number | { readonly usd: number } | readonly string[] | undefined;
type Attributes = Readonly<Record<string, Value>>;

interface SpanInput {
  /** What it is of in the run: its id is made of it. */
  readonly key: string;
  readonly parent?: string;
  readonly name: string;
  /** 1 internal, 3 client: opentelemetry.proto.trace.v1.Span.SpanKind. */
  readonly kind: 1 | 3;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Why it failed. */
  readonly error?: string | undefined;
}

/** What of a text goes into an attribute. */
const MAX_CHARS = 8_192;

/**
 * The run as OTLP/JSON spans: run, turns, model calls, tools, commands; attributes as the GenAI semantic conventions name them. Ids are made of the run's id alone: an
 * export is the same each time, and whoever takes two of them has the spans once.
 */
export function toOtlp(reading: TrajectoryReading): Readonly<Record<string, unknown>> {
  const { run, version } = reading;
  const spans = [...runSpans(reading)].map((span) => encoded(run, span));
  return {
    resourceSpans: [
      {
        resource: { attributes: attributes({ 'service.name': 'glovebox', 'service.version': version }) },
        scopeSpans: [{ scope: { name: 'glovebox', version }, spans }],
      },
    ],
  };
}

function* runSpans(reading: TrajectoryReading): Generator<SpanInput> {
  const { run, state, entries, otherCommands } = reading;
  const { options, summary, createdMs, lastMs } = state;
  const failed = summary !== undefined && summary.outcome !== 'fixed' && summary.outcome !== 'unverified' ? `${summary.outcome}: ${summary.detail}` : undefined;
  yield {
    key: 'run',
    name: 'invoke_agent glovebox',
    kind: 1,
    startMs: createdMs,
    endMs: lastMs,
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'glovebox',
      'gen_ai.conversation.id': run,
      ...(options === undefined ? {} : modelAttributes(options.model)),
      'glovebox.run.outcome': summary?.outcome,
      'glovebox.run.usd': { usd: state.spent.usd },
      'glovebox.policy': options?.policy,
      'glovebox.policy.hash': options?.policyHash,
    },
    error: failed,
  };
  for (const command of otherCommands) yield commandSpan(command, 'run');
  for (const entry of entries) if (entry.kind === 'turn' && !entry.isCopied) yield* turnSpans(entry);
}

function* turnSpans({ step, model: asked, reply, startedMs, endedMs, calls }: Turn): Generator<SpanInput> {
  const key = `step/${step}`;
  yield { key, parent: 'run', name: `step ${step}`, kind: 1, startMs: startedMs, endMs: calls.at(-1)?.endedMs ?? endedMs, attributes: { 'glovebox.step': step } };
  yield { key: `${key}/model`, parent: key, name: `chat ${asked?.slice(asked.indexOf(':') + 1) ?? ''}`.trim(), kind: 3, startMs: startedMs, endMs: endedMs, attributes: { 'gen_ai.operation.name': 'chat', ...(asked === undefined ? {} : modelAttributes(asked)), ...answerAttributes(reply), 'glovebox.usd': reply.usd === undefined ? undefined : { usd: reply.usd } } };
  for (const [index, call] of calls.entries()) yield* toolSpans(`${key}/tool/${index + 1}`, key, call);
}

function* toolSpans(key: string, parent: string, { call, outcome, startedMs, endedMs, commands }: TurnCall): Generator<SpanInput> {
  yield {
    key,
    parent,
    name: `execute_tool ${call.name}`,
    kind: 1,
    startMs: startedMs,
    endMs: endedMs,
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': call.name,
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.call.id': call.id,
      'gen_ai.tool.call.arguments': bounded(call.malformed ?? canonicalJson(call.input ?? {})),
      'gen_ai.tool.call.result': outcome === undefined ? undefined : bounded(outcome.text),
      ...(outcome?.ok === false ? { 'error.type': 'tool_error' } : {}),
    },
    error: outcome?.ok === false ? 'the tool did not succeed' : undefined,
  };
  for (const command of commands) yield commandSpan(command, key);
}

function commandSpan({ id, argv, startedMs, endedMs, end }: RanCommand, parent: string): SpanInput {
  const failed = end === undefined ? 'its end is not known' : end.cause === 'exited' && end.exitCode === 0 ? undefined : end.cause === 'exited' ? `exit code ${end.exitCode ?? 'unknown'}` : end.cause;
  return {
    key: `command/${id}`,
    parent,
    name: `command ${bounded(argv[0] ?? '')}`,
    kind: 1,
    startMs: startedMs,
    endMs: endedMs ?? startedMs,
    attributes: { 'process.command_args': argv.map(bounded), 'process.exit.code': end?.exitCode, 'glovebox.command': id, 'glovebox.command.cause': end?.cause },
    error: failed,
  };
}

/** As opentelemetry.proto.trace.v1.Span is written in JSON: ids in hex, 64-bit numbers as texts. */
function encoded(run: string, { key, parent, name, kind, startMs, endMs, attributes: given, error }: SpanInput): unknown {
  return {
    traceId: traceIdOf(run),
    spanId: spanIdOf(run, key),
    ...(parent === undefined ? {} : { parentSpanId: spanIdOf(run, parent) }),
    name,
    kind,
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(Math.max(startMs, endMs)),
    attributes: attributes(given),
    status: error === undefined ? {} : { code: 2, message: bounded(error) },
  };
}

function nanoseconds(ms: number): string {
  return String(BigInt(Math.trunc(ms)) * 1_000_000n);
}

function attributes(given: Attributes): readonly unknown[] {
  return Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value: anyValue(value) }]));
}

function anyValue(value: Exclude<Value, undefined>): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { intValue: String(value) };
  if ('usd' in value) return { doubleValue: value.usd };
  return { arrayValue: { values: value.map((each) => ({ stringValue: each })) } };
}

function bounded(text: string): string {
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS).toWellFormed()}… (${text.length - MAX_CHARS} characters more)`;
}
