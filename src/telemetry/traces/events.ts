import { basename } from 'node:path/posix';
import { answerAttributes, type EventData, type EventType, type JournalEvent, modelAttributes } from '../../contracts/index.ts';
import type { Attributes, Span } from './span.ts';

/** What begins with an event: `key` is the same in that which ends it, in its stream. */
export interface Begun {
  readonly key: string;
  readonly name: string;
  readonly attributes?: Attributes;
  /** Its span has the id that an export of the run gives it. */
  readonly hasOwnId?: boolean;
  /** What begins while it goes on is a part of it. */
  readonly holds?: boolean;
}

/** What ends with an event. */
export interface Ended extends Pick<Span, 'name' | 'kind' | 'error' | 'attributes'> {
  readonly key: string;
  /** Where nobody here has seen it begin. */
  readonly tookMs?: number;
  /** It is the whole of its stream. */
  readonly isWhole?: boolean;
}

type Reading<T> = { readonly [K in EventType]?: (data: EventData[K]) => T | undefined };

const BEGINNINGS: Reading<Begun> = {
  // A tool begins when it is decided that it may.
  decision: ({ allowed, request }) => (allowed && request.action === 'tool.call' ? { key: `tool ${request.tool}`, name: `execute_tool ${request.tool}`, holds: true } : undefined),
  'model.started': ({ call, model }) => ({ key: `model ${call}`, name: `chat ${model.slice(model.indexOf(':') + 1)}`, attributes: modelAttributes(model) }),
  'command.started': ({ command, sandbox, argv }) => ({ key: `command/${command}`, name: `command ${basename(argv[0] ?? '')}`, hasOwnId: true, attributes: { 'process.executable.name': basename(argv[0] ?? ''), 'glovebox.sandbox': sandbox, 'glovebox.command': command } }),
  'javascript.started': ({ call, language }) => ({ key: call, name: `run ${language}`, attributes: { 'glovebox.call': call } }),
  'call.started': ({ call, language, sandbox }) => ({ key: call, name: `run ${language}`, attributes: { 'glovebox.call': call, 'glovebox.sandbox': sandbox } }),
};

const ENDINGS: Reading<Ended> = {
  'run.ended': ({ outcome, code, wallMs, steps, tokens, usd }) => ({
    key: 'run',
    name: 'invoke_agent glovebox',
    kind: 'internal',
    isWhole: true,
    tookMs: wallMs,
    error: code ?? (outcome === 'failed' || outcome === 'limit' ? outcome : undefined),
    attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'glovebox', 'glovebox.run.outcome': outcome, 'glovebox.run.steps': steps, 'glovebox.run.tokens': tokens, 'glovebox.run.usd': usd },
  }),
  'model.ended': ({ call, reply }) => ({ key: `model ${call}`, name: 'chat', kind: 'client', attributes: { 'gen_ai.operation.name': 'chat', ...answerAttributes(reply), 'glovebox.usd': reply.usd } }),
  'model.failed': ({ call, code }) => ({ key: `model ${call}`, name: 'chat', kind: 'client', error: code, attributes: { 'gen_ai.operation.name': 'chat' } }),
  'tool.ended': ({ call: { id, name }, outcome: { ok } }) => ({
    key: `tool ${name}`,
    name: `execute_tool ${name}`,
    kind: 'internal',
    error: ok ? undefined : 'tool_error',
    attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': name, 'gen_ai.tool.call.id': id, 'gen_ai.tool.type': 'function' },
  }),
  'command.ended': ({ command, end: { cause, exitCode, usage } }) => ({
    key: `command/${command}`,
    name: 'command',
    kind: 'internal',
    tookMs: usage.wallMs,
    error: cause === 'exited' ? (exitCode === 0 ? undefined : 'exit_code') : cause,
    attributes: { 'glovebox.command.cause': cause, 'process.exit.code': exitCode },
  }),
  'javascript.ended': ({ call, end: { cause } }) => ({ key: call, name: 'run javascript', kind: 'internal', error: cause === 'returned' ? undefined : cause, attributes: { 'glovebox.cause': cause } }),
  'call.ended': ({ call, end: { cause } }) => ({ key: call, name: 'run', kind: 'internal', error: cause === 'finished' ? undefined : cause, attributes: { 'glovebox.cause': cause } }),
  'egress.ended': ({ scheme, host, port, method, status, wallMs, failure }) => ({
    key: 'egress',
    name: method ?? scheme,
    kind: 'client',
    tookMs: wallMs,
    error: failure === undefined ? (status !== undefined && status >= 400 ? String(status) : undefined) : 'failed',
    attributes: { 'url.scheme': scheme, 'server.address': host, 'server.port': port, 'http.request.method': method, 'http.response.status_code': status },
  }),
};

/** Undefined where nothing begins. */
export function beginningOf(event: JournalEvent): Begun | undefined {
  return read(BEGINNINGS, event);
}

/** Undefined where nothing ends. */
export function endingOf(event: JournalEvent): Ended | undefined {
  return read(ENDINGS, event);
}

function read<T>(readings: Reading<T>, event: JournalEvent): T | undefined {
  // Each entry takes the data of its own type, which an index by a union cannot show.
  const reading = readings[event.type] as ((data: unknown) => T | undefined) | undefined;
  return reading?.(event.data);
}
