import { z } from 'zod';
import type { JournalEvent } from '../contracts/index.ts';
import { GloveboxError } from '../contracts/index.ts';
import type { StoredEvent } from './event-chain.ts';
import { tampered } from './event-chain.ts';
import { newestVersion } from './event-versions.ts';

const STREAM_NAME = /^[\w.:-]{1,128}$/;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const row = z.object({
  stream: z.string().min(1),
  seq: z.int().positive(),
  timeMs: z.int(),
  type: z.string().min(1),
  version: z.int().positive(),
  data: z.string(),
  previous: sha256,
  hash: sha256,
});

/** Errors: `internal`. */
export function checkStreamName(stream: string): void {
  if (!STREAM_NAME.test(stream)) throw new GloveboxError('internal', `not a name for a stream: ${JSON.stringify(stream)}`);
}

/** A row as a store gave it. Errors: `journal_tampered` where it has not the form of an event. */
export function parseRow(value: unknown, stream: string, expectedSeq: number): StoredEvent {
  const parsed = row.safeParse(value);
  if (parsed.success) return parsed.data;
  const problem = parsed.error.issues[0];
  throw tampered(stream, expectedSeq, `its ${problem?.path.join('.') ?? 'row'} is not what was written: ${problem?.message ?? 'unreadable'}`);
}

/**
 * The event with its data. A type that this program does not know passes as it is (folds ignore it, so that an older program can
 * read on); a newer version of a known type does not, because its data would be misread.
 */
export function toEvent(stored: StoredEvent): JournalEvent {
  const newest = newestVersion(stored.type);
  if (newest !== undefined && stored.version > newest) {
    throw new GloveboxError(
      'newer_version',
      `stream ${stored.stream}, event ${stored.seq} (${stored.type}) was written by a newer glovebox, in version ${stored.version} where this one reads ${newest}: upgrade it`,
      { details: { stream: stored.stream, seq: stored.seq, type: stored.type } },
    );
  }
  // The data's shape is held by the chain: it is what a typed `append` wrote, byte for byte.
  return { ...stored, data: parseData(stored) } as JournalEvent;
}

function parseData(stored: StoredEvent): unknown {
  try {
    return JSON.parse(stored.data);
  } catch {
    throw tampered(stored.stream, stored.seq, 'its data is not JSON');
  }
}
