import { z } from 'zod';
import { LOCAL_TENANT, type Principal, type Stop, type StopScope } from '../../contracts/index.ts';
import { demandOperator } from '../access/operator.ts';
import { page } from '../pages.ts';
import { copied, pageOf, pageQuery } from '../shapes.ts';
import type { Api, RouteParts } from './route.ts';

const tags = ['stops'];
/** Sandboxes end themselves within seconds, or are ended; a provider that hangs keeps nobody longer. */
const HALT_MS = 60_000;

const tenant = z.string().min(1).max(128);
const scope = z
  .discriminatedUnion('what', [
    z.strictObject({ what: z.literal('all') }),
    z.strictObject({ what: z.literal('tenant'), tenant }),
    z.strictObject({ what: z.literal('run'), run: z.string().regex(/^(?:run|ses)_[0-9a-z]{26}$/, 'the id of a run or a session') }),
  ])
  .describe('everything (for the operator), a tenant, or a run');
const why = z.string().min(1).max(1000).optional().describe('for the journal, and for whoever is refused');

const stop = z.object({ scope, freeze: z.boolean(), by: z.string(), why: z.string().optional(), sinceMs: z.int() }).meta({ id: 'Stop' });
const names = z.array(z.string()).optional();
const halted = z
  .object({
    isDone: z.boolean().describe('nothing of it is left on this machine, and all that was lent is revoked'),
    left: z.int().describe('sandboxes that are still there'),
    killed: names.describe('sandboxes whose process did not end them; told to the operator'),
    revoked: names.describe('credentials; told to the operator'),
    failed: names.describe('credentials that could not be revoked, and why; told to the operator'),
  })
  .describe('what came of it on the server’s machine; nothing where it was frozen');

/** The kill switch. What a tenant's administrator may stop is his tenant's. */
export function stopRoutes(api: Api, parts: RouteParts): void {
  const { ports, demand } = parts;
  const { control } = ports;
  const mayReach = (by: Principal, wanted: StopScope): void => {
    if (wanted.what === 'all') demandOperator(parts, by, 'stops of everything');
    else demand(by, 'administer');
  };
  api.get('/stops', { schema: { operationId: 'listStops', tags, summary: 'What is stopped', querystring: pageQuery, response: { 200: pageOf(stop) } } }, async ({ principal, query }) => {
    demand(principal, 'read');
    const { items, ...more } = page(await control.stops(principal), query, ({ sinceMs, scope: of }) => `${String(sinceMs).padStart(15, '0')} ${JSON.stringify(of)}`);
    return { items: items.map((each) => copied(stop, each)), ...more };
  });
  const stopping = z.strictObject({ scope, freeze: z.boolean().default(false).describe('what runs stands still instead of ending'), why });
  api.post('/stops', { schema: { operationId: 'stop', tags, summary: 'From now on nothing of it begins, what runs ends, and what it was lent is revoked', body: stopping, response: { 201: z.object({ stop, halted: halted.optional() }) } } }, async ({ principal, body }, reply) => {
    mayReach(principal, body.scope);
    const { data, timeMs } = await control.stop(principal, { scope: body.scope, freeze: body.freeze, ...(body.why === undefined ? {} : { why: body.why }) });
    const { by, freeze } = data;
    const made = copied(stop, { scope: body.scope, freeze, by, sinceMs: timeMs, ...(body.why === undefined ? {} : { why: body.why }) });
    if (freeze) return reply.code(201).send({ stop: made });
    // Whoever asked may go away: it is written, so it is done.
    const { left, ...told } = await ports.halt(body.scope, AbortSignal.timeout(HALT_MS));
    const isDone = left + told.failed.length === 0;
    return reply.code(201).send({ stop: made, halted: { isDone, left, ...(principal.tenant === LOCAL_TENANT ? copied(halted.pick({ killed: true, revoked: true, failed: true }), told) : {}) } });
  });
  const lifting = z.strictObject({ scope: scope.optional().describe('that stop alone; all that you may lift where nothing is said'), why });
  api.post('/stops/lift', { schema: { operationId: 'liftStops', tags, summary: 'Let it begin again, and what was frozen go on', body: lifting, response: { 200: z.object({ lifted: z.array(stop) }) } } }, async ({ principal, body }) => {
    demand(principal, 'administer');
    if (body.scope !== undefined) mayReach(principal, body.scope);
    const scopes = body.scope === undefined ? (await control.stops(principal)).map((each) => each.scope).filter(({ what }) => what !== 'all' || principal.tenant === LOCAL_TENANT) : [body.scope];
    const lifted: Stop[] = [];
    for (const each of scopes) lifted.push(...(await control.lift(principal, { scope: each, ...(body.why === undefined ? {} : { why: body.why }) })));
    return { lifted: lifted.map((each) => copied(stop, each)) };
  });
}
