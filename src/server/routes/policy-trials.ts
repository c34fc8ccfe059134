import { z } from 'zod';
import { backtest, recordedDecisions, testPolicy } from '../../policy/index.ts';
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
  .object({ policy: z.string(), hash: z.string(), asked: z.int(), flipped: z.int(), flips: z.array(flip).describe('the first of them') })
  .meta({ id: 'Backtest' });
const MOST_FLIPS = 1000;

/** A policy tried on the cases beside it, and on what was really asked. */
export function policyTrialRoutes(api: Api, { ports: { policies, journal }, demand }: RouteParts): void {
  api.post('/policies/:name/test', { schema: { operationId: 'testPolicy', tags, summary: 'Ask it every question of the tests beside it', params, response: { 200: testReport } } }, async ({ principal, params: { name } }) => {
    demand(principal, 'read');
    const report = await testPolicy(await policies.load(name));
    const passed = report.results.every(({ problem }) => problem === undefined);
    const silent = report.silent.map(({ rule, file: of, line }) => ({ rule, file: of, line }));
    return copied(testReport, { ...report, silent, passed });
  });
  const asked = z.strictObject({ sinceMs: z.int().min(0).default(0), flips: z.int().min(0).max(MOST_FLIPS).default(100).describe('so many are told') });
  api.post('/policies/:name/backtest', { schema: { operationId: 'backtestPolicy', tags, summary: 'Ask it again what was asked in your tenant, and say what it would decide otherwise', params, body: asked, response: { 200: backtestReport } } }, async ({ principal, params: { name }, body }, reply) => {
    demand(principal, 'read');
    const policy = await policies.load(name);
    const gone = clientGone(reply);
    const streams = (await journal.streams({ tenant: principal.tenant })).filter(({ lastMs }) => lastMs >= body.sinceMs).map(({ stream }) => stream);
    const report: z.output<typeof backtestReport> = { policy: policy.name, hash: policy.hash, asked: 0, flipped: 0, flips: [] };
    for await (const { event, now } of backtest(policy, recordedDecisions(journal, { fromMs: body.sinceMs, streams }))) {
      gone.throwIfAborted();
      report.asked += 1;
      const { stream, seq, timeMs, data } = event;
      if (now.effect === data.decision.effect) continue;
      report.flipped += 1;
      if (report.flips.length < body.flips) report.flips.push(copied(flip, { stream, seq, timeMs, request: data.request, was: data.decision, now }));
    }
    return report;
  });
}
