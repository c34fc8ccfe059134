import { z } from 'zod';
import { GloveboxError } from '../contracts/index.ts';
import type { RunInput } from '../runs/index.ts';
import { MODEL } from './routes/run-shapes.ts';
import { policyName } from './shapes.ts';

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
