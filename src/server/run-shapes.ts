import { z } from 'zod';
import { GloveboxError, parseId, type RunId } from '../contracts/index.ts';
import { type RunInput, type RunOutline, standing } from '../runs/index.ts';
import { policyName } from './shapes.ts';

export const run = z
  .object({
    id: z.string(),
    status: z.string().describe('created, started, ended'),
    running: z.boolean(),
    standing: z.string().describe('in a word: queued, running, waiting, paused, interrupted, or its outcome'),
    task: z.string(),
    repository: z.string(),
    createdMs: z.int(),
    waitingFor: z.string().optional().describe('the approval that it waits for'),
    spent: z.object({ usd: z.number(), tokens: z.number(), steps: z.number() }),
    summary: z.looseObject({ outcome: z.string(), detail: z.string() }).optional(),
  })
  .meta({ id: 'Run' });

/** Of providers: a transcript is a file of the server's own machine, and nobody's to name. */
export const MODEL = /^(?:anthropic|openai|openai-chat):./;

/** Errors: `not_found`. */
export function runId(text: string): RunId {
  const id = parseId('run', text);
  if (id === undefined) throw new GloveboxError('not_found', `there is no run ${text}`);
  return id;
}

export function runBody(id: RunId, state: RunOutline, running: boolean): z.output<typeof run> {
  const { status, task, repository, createdMs, waitingFor, spent, summary } = state;
  return { id, status, running, standing: standing(state, running), task, repository, createdMs, spent: { ...spent }, ...(waitingFor === undefined ? {} : { waitingFor }), ...(summary === undefined ? {} : { summary: { ...summary } }) };
}

/** What a run is made of. */
export const newRun = z.strictObject({
  task: z.string().min(1).max(100_000),
  repository: z.string().max(2048).describe('its address, https://…'),
  model: z.string().max(256).describe('anthropic:<model>, openai:<model> or openai-chat:<model>'),
  fallback: z.array(z.string().max(256)).max(8).optional().describe('asked in this order where the model cannot be had'),
  policy: policyName.default('code-fix'),
  testCommand: z.string().max(4096).optional(),
  maxUsd: z.number().positive().optional(),
  maxSteps: z.int().positive().optional(),
  timeoutMs: z.int().positive().optional(),
  deadlineMs: z.int().positive().optional().describe('when it is over, whatever it waits for: milliseconds since 1970'),
  priority: z.int().min(-100).max(100).optional().describe('higher goes first'),
  notBeforeMs: z.int().positive().optional().describe('milliseconds since 1970'),
  keepIgnored: z.boolean().optional(),
});

/** What is the server's own machine is nobody's to name: neither its files nor its transcripts. */
const REPOSITORY_URL = /^https:\/\/./;

/** Errors: `usage` for what is the server's own machine. */
export function runInput({ repository, model, fallback, ...asked }: Omit<z.output<typeof newRun>, 'notBeforeMs'>): RunInput {
  if (!REPOSITORY_URL.test(repository)) throw new GloveboxError('usage', 'repository: expected a URL that begins with https://');
  const models = [model, ...(fallback ?? [])];
  const odd = models.find((name) => !MODEL.test(name));
  if (odd !== undefined) throw new GloveboxError('usage', `model: expected anthropic:<model>, openai:<model> or openai-chat:<model>, found ${odd}`);
  const given = Object.fromEntries(Object.entries({ ...asked, fallback }).filter(([, value]) => value !== undefined));
  // What is not given is left out, as the input wants it.
  return { repository, model, ...given } as RunInput;
}
