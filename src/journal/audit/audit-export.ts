import { z } from 'zod';
import { GloveboxError, type JournalEvent } from '../../contracts/index.ts';
import type { StoredEvent } from '../event-chain.ts';
import type { PayloadReader, PayloadReading } from '../seal/payload-reader.ts';
import { sealedData } from '../seal/sealed-data.ts';
import { parseRow } from '../stored-event.ts';
import type { AuditReading, KeptStream } from './audit-store.ts';
import { entryText } from './audit-store.ts';
import { readCheckpoint } from './checkpoint.ts';
import { leafHash, WholeTree } from './merkle-tree.ts';
import type { NoteVerifier } from './signed-note.ts';

/** What each line of an export is: `head` first, `end` last, and each `stream` before its events. */
const proof = z.array(z.base64());
/** Of an event that is sealed: what was hashed, and the salt by which `data` shows that it is the same. An erased one has neither salt nor data. */
const ofSealed = { stored: sealedData.optional(), salt: z.string().optional() };
export const exportLine = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('head'),
    format: z.enum(['glovebox-audit-1', 'glovebox-audit-2']),
    checkpoint: z.string(),
    /** Of checkpoints that were kept elsewhere. */
    earlier: z.array(z.strictObject({ checkpoint: z.string(), proof })),
  }),
  z.strictObject({ kind: z.literal('stream'), stream: z.string(), tenant: z.string(), seq: z.int(), hash: z.string(), number: z.int(), proof }),
  z.strictObject({ kind: z.literal('event'), stream: z.string(), seq: z.int(), timeMs: z.int(), type: z.string(), version: z.int(), previous: z.string(), hash: z.string(), data: z.unknown().optional(), ...ofSealed }),
  z.strictObject({ kind: z.literal('end'), streams: z.int(), events: z.int() }),
]);
export type ExportLine = z.output<typeof exportLine>;

export interface ExportOptions {
  readonly streams?: readonly string[];
  readonly sinceMs?: number;
  readonly checkpoints?: readonly string[];
}

/** What an export tells of, in order, each stream as it stood at the checkpoint; the same for every format. */
export async function* exportedStreams(reading: AuditReading, { streams, sinceMs = 0 }: ExportOptions): AsyncIterable<KeptStream> {
  for await (const kept of reading.streams(streams === undefined ? {} : { streams })) {
    if (streams !== undefined && kept.end === undefined) throw new GloveboxError('not_found', `the journal has no stream ${kept.stream}`);
    if (kept.entries.length > 0 && (kept.end?.times?.lastMs ?? 0) >= sinceMs) yield kept;
  }
}

/** The events of a stream up to its newest entry. Errors: `journal_tampered`. */
export async function* exportedEvents({ stream, entries, rows }: KeptStream) {
  let seq = 0;
  for await (const row of rows) {
    const event = parseRow(row, stream, seq + 1);
    if (event.seq > (entries.at(-1)?.seq ?? 0)) return;
    yield event;
    seq = event.seq;
  }
}

/** Lines without their ends. `note` is the checkpoint that everything is proved to be under. */
export async function* exportLines(reading: AuditReading, note: string, options: ExportOptions, verifiers: readonly NoteVerifier[], payloads?: PayloadReader): AsyncIterable<string> {
  const size = trustedSize(note, verifiers);
  const tree = new WholeTree();
  for await (const entry of reading.entries()) if (tree.size < size) tree.append(leafHash(entryText(entry)));
  const write = (line: ExportLine): string => JSON.stringify(line);
  const base64 = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString('base64'));
  const earlier = (options.checkpoints ?? []).map((checkpoint) => ({ checkpoint, proof: base64(tree.consistency(Math.min(size, trustedSize(checkpoint, verifiers)), size)) }));
  yield write({ kind: 'head', format: 'glovebox-audit-2', checkpoint: note, earlier });
  let [streams, events] = [0, 0];
  for await (const kept of exportedStreams(reading, options)) {
    const entry = kept.entries.findLast(({ number }) => number < size);
    if (entry === undefined) continue;
    streams++;
    yield write({ kind: 'stream', ...entry, proof: base64(tree.inclusion(entry.number, size)) });
    for await (const stored of exportedEvents({ ...kept, entries: [entry] })) {
      events++;
      yield write({ kind: 'event', ...(await told(stored, payloads)) });
    }
  }
  yield write({ kind: 'end', streams, events });
}

/** The data as it was appended, where anybody can still read it. */
async function told({ data: text, ...event }: StoredEvent, payloads: PayloadReader | undefined) {
  // Of whichever version: nobody interprets it here.
  const read = { ...event, data: JSON.parse(text) as unknown } as JournalEvent;
  const reading: PayloadReading = (await payloads?.read(read)) ?? { event: read };
  if (reading.stored === undefined) return { ...event, data: read.data };
  return { ...event, ...(reading.event.type === 'erased' ? {} : { data: reading.event.data, salt: reading.salt?.toString('base64url') }), stored: reading.stored };
}

function trustedSize(note: string, verifiers: readonly NoteVerifier[]): number {
  const checkpoint = readCheckpoint(note, verifiers);
  if (typeof checkpoint === 'string') throw new GloveboxError('usage', `a checkpoint cannot be shown to hold: ${checkpoint}`);
  return checkpoint.size;
}

