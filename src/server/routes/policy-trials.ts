import { z } from 'zod';
import { backtestOn, compare, type Flip, testPolicy } from '../../policy/index.ts';
import { copied, decision, policyName } from '../shapes.ts';
import { type Api, clientGone, type RouteParts } from './route.ts';

const params = z.object({ name: policyName });
const tags = ['policies'];
const place = { rule: z.string(), file: z.string(), line: z.int() };

const testReport = z
  .object({
    policy: z.string(),
    file: z.string().optional().describe('where its cases stand'),
    results: z.array(z.object({ line: z.int(), what: z.string(), decision, problem: z.string().optional().describe('where it failed') })),
    silent: z.array(z.object(place)).describe('rules that no case made speak'),
    rules: z.int(),
    passed: z.boolean(),
  })
  .meta({ id: 'PolicyTests' });

const flip = z.object({ stream: z.string(), seq: z.int(), timeMs: z.int(), request: z.looseObject({ action: z.string() }), was: decision, now: decision });
const backtestReport = z
  .object({ policy: z.string(), hash: z.string(), asked: z.int(), flipped: z.int(), erased: z.int().describe('decisions that can be read no more'), flips: z.array(flip).describe('the first of them') })
  .meta({ id: 'Backtest' });
const MOST_FLIPS = 1000;
const finding = z.object({ ...place, text: z.string(), isNote: z.literal(true).optional().describe('what was meant, and still has to be known') });
const { effect, reason } = decision.shape;
const difference = z
  .object({
    grant: z.array(z.object({ what: z.string(), was: z.unknown(), now: z.unknown() })).describe('what is lent, where it is not the same'),
    changes: z.array(z.object({ request: z.looseObject({ action: z.string() }), was: effect, now: effect, reason })).describe('questions with another answer'),
    asked: z.int().describe('questions: one for each rule of either, and their tests'),
  })
  .meta({ id: 'PolicyDiff' });

/** A policy tried on the cases beside it, and on what was really asked. */
export function policyTrialRoutes(api: Api, { ports: { policies, journal }, demand }: RouteParts): void {
  api.post('/policies/:name/test', { schema: { operationId: 'testPolicy', tags, summary: 'Ask it every question of the tests beside it', params, response: { 200: testReport } } }, async ({ principal, params: { name } }) => {
    demand(principal, 'read');
    const report = await testPolicy(await policies.load(name));
    const passed = report.results.every(({ problem }) => problem === undefined);
    const silent = report.silent.map(({ rule, file: of, line }) => ({ rule, file: of, line }));
    return copied(testReport, { ...report, silent, passed });
  });
  api.get('/policies/:name/lint', { schema: { operationId: 'lintPolicy', tags, summary: 'Rules of it that can never decide anything, that others get round, or that do not reach everything', params, response: { 200: z.object({ findings: z.array(finding) }) } } }, async ({ principal, params: { name } }) => {
    demand(principal, 'read');
    return { findings: (await policies.load(name)).lint().map((found) => ({ ...found })) };
  });
  const other = z.object({ with: policyName.describe('the one that would be instead') });
  api.get('/policies/:name/diff', { schema: { operationId: 'diffPolicies', tags, summary: 'What another would permit and forbid that this one does not', params, querystring: other, response: { 200: difference } } }, async ({ principal, params: { name }, query }) => {
    demand(principal, 'read');
    return copied(difference, await compare(await policies.load(name), await policies.load(query.with)));
  });
  const asked = z.strictObject({ sinceMs: z.int().min(0).default(0), flips: z.int().min(0).max(MOST_FLIPS).default(100).describe('so many are told') });
  api.post('/policies/:name/backtest', { schema: { operationId: 'backtestPolicy', tags, summary: 'Ask it again what was asked in your tenant, and say what it would decide otherwise', params, body: asked, response: { 200: backtestReport } } }, async ({ principal, params: { name }, body }, reply) => {
    demand(principal, 'read');
    const streams = (await journal.streams({ tenant: principal.tenant })).filter(({ lastMs }) => lastMs >= body.sinceMs).map(({ stream }) => stream);
    const flips: z.output<typeof flip>[] = [];
    const keep = (found: Flip): void => {
      if (flips.length < body.flips) flips.push(copied(flip, found));
    };
    return { ...(await backtestOn(journal, await policies.load(name), { fromMs: body.sinceMs, streams, onFlip: keep, signal: clientGone(reply) })), flips };
  });
}
