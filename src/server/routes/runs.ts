import { z } from 'zod';
import { answeredAs, answeredByEvents } from '../media.ts';
import { untilWritten } from '../long-poll.ts';
import { newestFirst, onePageMore } from '../pages.ts';
import { newRun, run, runBody, runId, runInput } from '../run-shapes.ts';
import { flag, lastEventId, pageOf, pageQuery, waitMs } from '../shapes.ts';
import { type ServerSentEvent, sendEvents } from '../sse.ts';
import { type Api, clientGone, type RouteParts } from './route.ts';

const params = z.object({ id: z.string() });
const tags = ['runs'];

const journalEvent = z
  .object({ stream: z.string(), seq: z.int(), timeMs: z.int(), type: z.string(), version: z.int(), data: z.looseObject({}), previous: z.string(), hash: z.string() })
  .meta({ id: 'JournalEvent' });
const runEvent = z
  .object({ event: z.string().describe('its type, or `error`, with a problem instead'), id: z.string().describe('its number'), data: journalEvent })
  .meta({ id: 'RunEvent' });

/** What agents did and do. */
export function runRoutes(api: Api, parts: RouteParts): void {
  const { ports } = parts;
  api.post('/runs', { config: { isRepeatable: true }, schema: { operationId: 'createRun', tags, summary: 'Leave a run to a worker', description: 'With `Idempotency-Key`, asking twice makes one run.', body: newRun, response: { 201: run } } }, async (request, reply) => {
    const { notBeforeMs, ...asked } = request.body;
    const key = request.headers['idempotency-key'];
    const runs = ports.runs(request.principal);
    const options = { signal: clientGone(reply), queue: notBeforeMs === undefined ? {} : { notBeforeMs }, ...(typeof key === 'string' ? { key } : {}) };
    const id = await runs.create(runInput(asked), options);
    return reply.code(201).header('location', `/v1/runs/${id}`).send(runBody(id, await runs.show(id), false));
  });
  readingRoutes(api, parts);
  steeringRoutes(api, parts);
}

function steeringRoutes(api: Api, { ports }: RouteParts): void {
  const saying = z.strictObject({ text: z.string().min(1).max(20_000), interrupt: z.boolean().default(false).describe('cut short what goes on now') });
  api.post('/runs/:id/say', { schema: { operationId: 'sayToRun', tags, summary: 'Tell its agent something', params, body: saying, response: { 202: z.null() } } }, async ({ principal, params: { id }, body: { text, interrupt } }, reply) => {
    await ports.runs(principal).steer.say(runId(id), text, { interrupt });
    return reply.code(202).send(null);
  });
  api.post('/runs/:id/pause', { schema: { operationId: 'pauseRun', tags, summary: 'Have it stand still after its present step', params, response: { 202: z.null() } } }, async ({ principal, params: { id } }, reply) => {
    await ports.runs(principal).steer.pause(runId(id));
    return reply.code(202).send(null);
  });
  api.post('/runs/:id/resume', { schema: { operationId: 'resumeRun', tags, summary: 'Let it go on', params, response: { 202: z.null() } } }, async ({ principal, params: { id } }, reply) => {
    await ports.runs(principal).steer.goOn(runId(id));
    return reply.code(202).send(null);
  });
  const cancelling = z.strictObject({ why: z.string().max(1000).optional() });
  api.post('/runs/:id/cancel', { schema: { operationId: 'cancelRun', tags, summary: 'End it', params, body: cancelling, response: { 202: z.null() } } }, async ({ principal, params: { id }, body: { why } }, reply) => {
    await ports.runs(principal).steer.cancel(runId(id), why);
    return reply.code(202).send(null);
  });
}

function readingRoutes(api: Api, { ports }: RouteParts): void {
  api.get('/runs', { schema: { operationId: 'listRuns', tags, summary: 'Newest first', querystring: pageQuery, response: { 200: pageOf(run) } } }, async ({ principal, query }) => {
    const found = await ports.runs(principal).list(onePageMore(query));
    const { items, ...more } = newestFirst(found, query.limit, ({ id, state }) => ({ stream: id, firstMs: state.createdMs }));
    return { items: items.map(({ id, state, running }) => runBody(id, state, running)), ...more };
  });
  api.get('/runs/:id', { schema: { operationId: 'getRun', tags, summary: 'One of them', params, querystring: z.object({ waitMs }), response: { 200: run } } }, async ({ principal, params: { id }, query }, reply) => {
    const known = runId(id);
    const runs = ports.runs(principal);
    const { status } = await runs.show(known);
    if (status !== 'ended') await untilWritten(ports.journal, known, ['run.ended'], { waitMs: query.waitMs, gone: clientGone(reply) });
    return runBody(known, await runs.show(known), await runs.isRunning(known));
  });
  api.get(
    '/runs/:id/events',
    { schema: { operationId: 'streamRunEvents', tags, summary: 'What happened and what happens: server-sent events, each with its number as id', params, querystring: z.object({ after: z.coerce.number().int().min(0).default(0), follow: flag.default(true) }), headers: lastEventId, response: { 200: answeredByEvents(runEvent, 'Its events, to its end') } } },
    async (request, reply) => {
      const known = runId(request.params.id);
      const runs = ports.runs(request.principal);
      await runs.show(known);
      const last = request.headers['last-event-id'];
      const afterSeq = typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : request.query.after;
      const { follow } = request.query;
      return sendEvents(reply, async function* (signal): AsyncGenerator<ServerSentEvent> {
        const events = follow ? runs.follow(known, { afterSeq, signal }) : await ports.journal.read(known, afterSeq);
        for await (const event of events) {
          yield { event: event.type, id: String(event.seq), data: event };
          if (event.type === 'run.ended') return;
        }
      });
    },
  );
  api.get('/runs/:id/patch', { schema: { operationId: 'getRunPatch', tags, summary: 'What it came to, as a unified diff', params, response: { 200: answeredAs('text/x-diff', 'A unified diff', z.string()) } } }, async (request, reply) => {
    const { text } = await ports.runs(request.principal).patch(runId(request.params.id));
    return reply.type('text/x-diff').send(text);
  });
}
