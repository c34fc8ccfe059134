import { z } from 'zod';
import { type CallEnd, type CallEvent, GloveboxError } from '../../contracts/index.ts';
import type { GovernedCall } from '../../session/index.ts';
import { page } from '../pages.ts';
import { decision, decisionBody, environment, pageOf, pageQuery, path } from '../shapes.ts';
import { type ServerSentEvent, sendEvents } from '../sse.ts';
import { type Api, clientGone, type RouteParts } from './route.ts';

const inSandbox = z.object({ id: z.string() });
const params = inSandbox.extend({ context: z.string() });
const tags = ['contexts'];
const nothing = z.null();
/** A sandbox holds as many as its processes allow; this many are enough for anybody. */
const MOST_CONTEXTS = 16;

const context = z.object({ id: z.string(), language: z.enum(['python', 'javascript']), version: z.string() }).meta({ id: 'Context' });
const newContext = z.strictObject({ language: z.enum(['python', 'javascript']), cwd: path.optional(), env: environment.optional() });
const newCall = z.strictObject({
  code: z.string().max(1_048_576),
  limits: z.strictObject({ wallMs: z.int().positive().optional(), outputBytes: z.int().positive().optional() }).optional().describe('less than the policy lends'),
});
const call = z
  .object({
    id: z.string(),
    end: z.looseObject({ cause: z.string(), state: z.string(), wallMs: z.number() }),
    stdout: z.string(),
    stderr: z.string(),
    /** In order: restarted, display, result, error. */
    shown: z.array(z.looseObject({ type: z.string() })),
    decision,
  })
  .meta({ id: 'Call' });

const callEvent = z
  .discriminatedUnion('event', [
    z.object({ event: z.literal('started'), data: z.object({ id: z.string() }) }),
    z.object({ event: z.enum(['stdout', 'stderr']), data: z.object({ data: z.string() }) }),
    z.object({ event: z.enum(['restarted', 'display', 'result', 'error', 'end']), data: z.looseObject({ type: z.string().optional() }) }),
  ])
  .meta({ id: 'CallEvent' });

/** Interpreters that keep their state between calls. */
export function contextRoutes(api: Api, parts: RouteParts): void {
  const { sandboxes, demand } = parts;
  api.post('/sandboxes/:id/contexts', { schema: { operationId: 'openContext', tags, summary: 'Open one', params: inSandbox, body: newContext, response: { 201: context } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const served = sandboxes.get(request.params.id, request.principal);
    if (served.contexts.size >= MOST_CONTEXTS) throw new GloveboxError('admission_full', `${served.id} has ${MOST_CONTEXTS} contexts: close one`);
    const { language, cwd, env } = request.body;
    const opened = await served.governed.contexts.open({ language, ...(cwd === undefined ? {} : { cwd }), ...(env === undefined ? {} : { env }) });
    served.contexts.set(opened.id, opened);
    return reply.code(201).send({ id: opened.id, language: opened.language, version: opened.version });
  });
  api.get('/sandboxes/:id/contexts', { schema: { operationId: 'listContexts', tags, summary: 'Those that are open', params: inSandbox, querystring: pageQuery, response: { 200: pageOf(context) } } }, (request) => {
    demand(request.principal, 'read');
    const { contexts } = sandboxes.get(request.params.id, request.principal);
    const { items, ...more } = page([...contexts.values()], request.query, ({ id }) => id);
    return Promise.resolve({ items: items.map(({ id, language, version }) => ({ id, language, version })), ...more });
  });
  api.delete('/sandboxes/:id/contexts/:context', { schema: { operationId: 'closeContext', tags, summary: 'Close one, with what runs in it', params, response: { 204: nothing } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const served = sandboxes.get(request.params.id, request.principal);
    const open = served.context(request.params.context);
    served.contexts.delete(open.id);
    await open.close();
    return reply.code(204).send(null);
  });
  callRoutes(api, parts);
}

function callRoutes(api: Api, { sandboxes, demand }: RouteParts): void {
  const description = 'With `Accept: text/event-stream` its events come as they happen: started, stdout, stderr, display, result, error and, last, end.';
  api.post('/sandboxes/:id/contexts/:context/calls', { schema: { operationId: 'runInContext', tags, summary: 'Run code in it', description, params, body: newCall, response: { 200: { description: 'What it came to', content: { 'application/json': { schema: call }, 'text/event-stream': { schema: callEvent } } } } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const open = sandboxes.get(request.params.id, request.principal).context(request.params.context);
    const limits = Object.fromEntries(Object.entries(request.body.limits ?? {}).filter(([, value]) => value !== undefined));
    const running = await open.run(request.body.code, { limits, signal: clientGone(reply) });
    if (request.headers.accept?.includes('text/event-stream') !== true) return collected(running);
    await sendEvents(reply, () => eventsOf(running));
    return reply;
  });
  api.post('/sandboxes/:id/contexts/:context/interrupt', { schema: { operationId: 'interruptContext', tags, summary: 'As ^C does', params, response: { 204: nothing } } }, async (request, reply) => {
    demand(request.principal, 'start');
    sandboxes.get(request.params.id, request.principal).context(request.params.context).interrupt();
    return reply.code(204).send(null);
  });
  api.post('/sandboxes/:id/contexts/:context/restart', { schema: { operationId: 'restartContext', tags, summary: 'End its interpreter and begin anew', params, response: { 204: nothing } } }, async (request, reply) => {
    demand(request.principal, 'start');
    await sandboxes.get(request.params.id, request.principal).context(request.params.context).restart();
    return reply.code(204).send(null);
  });
}

async function collected(running: GovernedCall): Promise<z.output<typeof call>> {
  const pieces: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  const shown: z.output<typeof call>['shown'] = [];
  for await (const event of running.events) {
    if (event.type === 'stdout' || event.type === 'stderr') pieces[event.type].push(event.bytes);
    else if (event.type !== 'end') shown.push({ ...event });
  }
  const text = (channel: 'stdout' | 'stderr'): string => Buffer.concat(pieces[channel]).toString('utf8');
  const end: CallEnd = await running.end;
  return { id: running.id, end: { ...end }, stdout: text('stdout'), stderr: text('stderr'), shown, decision: decisionBody(running.decision) };
}

async function* eventsOf(running: GovernedCall): AsyncGenerator<ServerSentEvent> {
  yield { event: 'started', data: { id: running.id } };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  for await (const event of running.events) yield { event: event.type, data: dataOf(event, (channel, bytes) => decoders[channel].decode(bytes, { stream: true })) };
}

function dataOf(event: CallEvent, textOf: (channel: 'stdout' | 'stderr', bytes: Buffer) => string): object {
  switch (event.type) {
    case 'stdout':
    case 'stderr':
      return { data: textOf(event.type, event.bytes) };
    default:
      return event;
  }
}
