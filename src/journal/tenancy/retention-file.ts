import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { describeError, duration, GloveboxError } from '../../contracts/index.ts';

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
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return FOR_EVER;
    throw new GloveboxError('config_invalid', `${file} cannot be read: ${describeError(error)}`, { cause: error });
  }
  const { parse } = await import('yaml');
  try {
    return retentionFile.parse(parse(text) ?? {});
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : describeError(error);
    throw new GloveboxError('config_invalid', `${file}: ${problem}`, { cause: error, details: { file } });
  }
}
