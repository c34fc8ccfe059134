import { z } from 'zod';
import { readSettings } from '../../contracts/index.ts';

const count = z.int().positive();
const tenant = z.strictObject({
  /** Runs that are worked at, at a time. */
  at_once: count.optional(),
  starts_per_minute: count.optional(),
});
const model = z.strictObject({ at_once: count.optional() });

const queueFile = z.strictObject({
  /** By name; `*` is for those that are not named. */
  tenants: z.record(z.string(), tenant).default({}),
  /** By name, or its beginning and `*`. */
  models: z.record(z.string(), model).default({}),
});

export type QueueLimits = z.output<typeof queueFile>;
export const NO_LIMITS: QueueLimits = { tenants: {}, models: {} };

/** Of an operator's file; without the file there are none. Errors: `config_invalid`. */
export async function readQueueLimits(file: string): Promise<QueueLimits> {
  return (await readSettings(file, queueFile)) ?? NO_LIMITS;
}

/** What is worked at, and what was begun within the last minute. */
export interface Load {
  readonly running: readonly { readonly tenant: string; readonly model: string }[];
  /** Tenants, one for each start. */
  readonly starts: readonly string[];
}

/** Whether one more of these may be begun now. */
export function isWithin(limits: QueueLimits, { running, starts }: Load, run: { readonly tenant: string; readonly model: string }): boolean {
  const { at_once: tenantAtOnce, starts_per_minute: perMinute } = limits.tenants[run.tenant] ?? limits.tenants['*'] ?? {};
  if (tenantAtOnce !== undefined && running.filter(({ tenant: other }) => other === run.tenant).length >= tenantAtOnce) return false;
  if (perMinute !== undefined && starts.filter((other) => other === run.tenant).length >= perMinute) return false;
  // Each that its name fits counts those of all models that fit the same.
  return Object.entries(limits.models).every(([pattern, { at_once: atOnce }]) => {
    if (atOnce === undefined || !fits(pattern, run.model)) return true;
    return running.filter(({ model: other }) => fits(pattern, other)).length < atOnce;
  });
}

function fits(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
