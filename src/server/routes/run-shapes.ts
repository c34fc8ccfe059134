import { z } from 'zod';
import { GloveboxError, parseId, type RunId } from '../../contracts/index.ts';
import { type RunOutline, standing } from '../../runs/index.ts';

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
