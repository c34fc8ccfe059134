import { z } from 'zod';
import { GloveboxError } from '../../contracts/index.ts';
import type { ForkInput } from '../../runs/index.ts';
import { copied, policyName } from '../shapes.ts';
import { clientGone, type Api, type RouteParts } from './route.ts';
import { MODEL, run, runBody, runId } from '../run-shapes.ts';

const params = z.object({ id: z.string() });
const tags = ['runs'];

const newFork = z.strictObject({
  step: z.int().min(0).describe('after this step; 0 is before the first'),
  model: z.string().max(256).optional().describe('another one'),
  policy: policyName.optional(),
  prompt: z.string().max(100_000).optional().describe('said to the agent before it goes on'),
});

const difference = z.object({ path: z.string(), at: z.int().optional(), recorded: z.string().optional(), now: z.string().optional() });
const observation = z.object({
  step: z.int(),
  tool: z.string(),
  input: z.unknown(),
  verdict: z.enum(['same', 'alike', 'different', 'not_run']).describe('alike: but for times, durations, addresses and temporary names'),
  difference: difference.optional(),
  files: z.array(z.string()).describe('of the workspace, that are other ones than then'),
});
const replay = z
  .object({
    run: z.string(),
    identical: z.boolean(),
    policyChanged: z.boolean().describe('since the run was made'),
    strict: z.union([
      z.object({ steps: z.int(), goes: z.int(), identical: z.boolean(), divergence: z.object({ step: z.int(), seq: z.int(), what: z.string(), difference: difference.optional() }).optional() }),
      z.object({ why: z.string().describe('there is none') }),
    ]),
    live: z.object({ session: z.string(), observations: z.array(observation), identical: z.boolean() }).optional(),
  })
  .meta({ id: 'Replay' });

/** What can be made of a run that was: another way from one of its steps, the same way again, a file in the format of others. */
export function runCopyRoutes(api: Api, { ports, demand }: RouteParts): void {
  api.post('/runs/:id/fork', { schema: { operationId: 'forkRun', tags, summary: 'Leave another way from one of its steps to a worker', params, body: newFork, response: { 201: run } } }, async ({ principal, params: { id }, body }, reply) => {
    const fork = await ports.history(principal).forks.fork(runId(id), forkInput(body), { queue: true });
    return reply.code(201).header('location', `/v1/runs/${fork}`).send(runBody(fork, await ports.runs(principal).show(fork), false));
  });
  const again = z.strictObject({ liveTools: z.boolean().default(false).describe('run its tools again, too, in a fresh sandbox'), stop: z.boolean().default(false).describe('at the first that differs') });
  api.post('/runs/:id/replay', { schema: { operationId: 'replayRun', tags, summary: 'Do it again with its model as recorded, and say where it comes out otherwise', params, body: again, response: { 200: replay } } }, async ({ principal, params: { id }, body }, reply) => {
    const known = runId(id);
    const signal = clientGone(reply);
    if (body.liveTools) demand(principal, 'start');
    const { replays } = ports.history(principal);
    const report = body.liveTools ? await replays.live(known, { signal, stop: body.stop }) : await replays.strict(known, signal);
    return copied(replay, report);
  });
  const format = z.enum(['json', 'atif', 'traj', 'otlp']).default('json').describe('json: our own events; ATIF; SWE-agent’s; OpenTelemetry’s');
  api.get('/runs/:id/export', { schema: { operationId: 'exportRun', tags, summary: 'It, in a format of others', params, querystring: z.object({ format }), response: { 200: z.unknown().describe('a document in that format') } } }, async ({ principal, params: { id }, query }, reply) =>
    ports.history(principal).trajectories.export(runId(id), query.format, ports.version, clientGone(reply)),
  );
}

/** Errors: `usage` for a model that is the server's own machine's. */
function forkInput({ step, model, policy, prompt }: z.output<typeof newFork>): ForkInput {
  if (model !== undefined && !MODEL.test(model)) throw new GloveboxError('usage', `model: expected anthropic:<model>, openai:<model> or openai-chat:<model>, found ${model}`);
  return { step, ...(model === undefined ? {} : { model }), ...(policy === undefined ? {} : { policy }), ...(prompt === undefined ? {} : { prompt }) };
}
