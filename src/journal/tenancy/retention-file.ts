import { z } from 'zod';
import { duration, readSettings } from '../../contracts/index.ts';

const ages = z.strictObject({
  /** Of the journal: what a month's events said can be read for so long after its end. */
  payloads: duration.optional(),
  /** Patches, outputs, snapshots, likewise. */
  blobs: duration.optional(),
});
const retentionFile = ages.extend({
  /** By name: instead of what stands above. */
  tenants: z.record(z.string(), ages).default({}),
});

export type Retention = z.output<typeof retentionFile>;
const FOR_EVER: Retention = { tenants: {} };

/** Of an operator's file; without the file, everything is kept for ever. Errors: `config_invalid`. */
export async function readRetention(file: string): Promise<Retention> {
  return (await readSettings(file, retentionFile)) ?? FOR_EVER;
}
