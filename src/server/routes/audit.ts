import { Readable } from 'node:stream';
import { z } from 'zod';
import { GloveboxError } from '../../contracts/index.ts';
import { demandOperator } from '../access/operator.ts';
import { answeredAs } from '../media.ts';
import { copied, flag } from '../shapes.ts';
import type { Api, RouteParts } from './route.ts';

const tags = ['audit'];
const runIds = z.string().regex(/^(?:run|ses)_[0-9a-z]{26}(?:,(?:run|ses)_[0-9a-z]{26}){0,99}$/, 'ids of runs or sessions, at most 100');
/** Signed notes and keys are a few lines each. */
const notes = z.array(z.string().min(1).max(65_536)).max(64).default([]);

const report = z
  .object({
    streams: z.int(),
    events: z.int(),
    entries: z.int(),
    checkpoints: z.int(),
    newest: z.object({ entries: z.int(), timeMs: z.int() }).optional(),
    unsigned: z.int().describe('events after what any checkpoint covers: the chain alone speaks for them'),
    findings: z.array(z.object({ stream: z.string().optional(), seq: z.int().optional(), text: z.string() })).describe('none where all is as it was written'),
  })
  .meta({ id: 'AuditReport' });

/** The journal as evidence. A tenant has its own streams as a file that proves itself; the journal as a whole is the operator's. */
export function auditRoutes(api: Api, parts: RouteParts): void {
  const { ports, demand } = parts;
  const { audit, journal } = ports;
  const asked = z.strictObject({ keys: notes.describe('whose signatures count; our own where there are none'), checkpoints: notes.describe('signed notes that were kept elsewhere: what they say must still be so') });
  api.post('/audit/verify', { schema: { operationId: 'verifyAudit', tags, summary: 'Read the whole journal and say all that is wrong with it', body: asked, response: { 200: report } } }, async ({ principal, body }) => {
    demandOperator(parts, principal, 'verifications of the journal');
    return copied(report, await audit.verify(body));
  });
  const checkpoint = z.object({ checkpoint: z.string().describe('a signed note: keep it elsewhere'), key: z.string().describe('what verifies it') }).meta({ id: 'Checkpoint' });
  api.post('/audit/checkpoints', { schema: { operationId: 'signCheckpoint', tags, summary: 'Sign what the journal holds now', response: { 201: checkpoint } } }, async ({ principal }, reply) => {
    demand(principal, 'administer');
    return reply.code(201).send({ checkpoint: await audit.checkpoint(), key: await audit.verifierKey() });
  });
  api.get('/audit/key', { schema: { operationId: 'getAuditKey', tags, summary: 'What verifies our checkpoints, and what was exported', response: { 200: checkpoint.pick({ key: true }) } } }, async ({ principal }) => {
    demand(principal, 'read');
    return { key: await audit.verifierKey() };
  });
  const query = z.object({
    format: z.enum(['jsonl', 'ocsf']).default('jsonl').describe('jsonl proves itself; ocsf is for a SIEM'),
    sinceMs: z.coerce.number().int().min(0).default(0).describe('only streams with something since then'),
    runs: runIds.optional().describe('only these, with commas between them'),
    everything: flag.describe('all tenants; for the operator'),
  });
  api.get('/audit/export', { schema: { operationId: 'exportAudit', tags, summary: 'The streams of your tenant, a line for each event', querystring: query, response: { 200: answeredAs('application/jsonl', 'Lines of JSON, and the last one says that it is', z.string()) } } }, async ({ principal, query: { format, sinceMs, runs, everything } }, reply) => {
    demand(principal, 'administer');
    if (everything) demandOperator(parts, principal, 'exports of all tenants');
    const known = everything && runs === undefined ? undefined : (await journal.streams(everything ? {} : { tenant: principal.tenant })).filter(({ lastMs }) => lastMs >= sinceMs).map(({ stream }) => stream);
    const streams = runs === undefined ? known : chosen(runs.split(','), known);
    return reply.type('application/jsonl').send(Readable.from(lines(audit.export({ format, sinceMs, ...(streams === undefined ? {} : { streams }) })), { objectMode: false }));
  });
}

/** Errors: `not_found`, for what is another tenant's as well. */
function chosen(runs: readonly string[], known: readonly string[] = []): readonly string[] {
  const missing = runs.find((run) => !known.includes(run));
  if (missing !== undefined) throw new GloveboxError('not_found', `there is no ${missing} in that time`);
  return runs;
}

async function* lines(given: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of given) yield `${line}\n`;
}
