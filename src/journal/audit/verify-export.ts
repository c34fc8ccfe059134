import type { AuditFinding, AuditReport } from '../../contracts/index.ts';
import { canonicalJson, GloveboxError } from '../../contracts/index.ts';
import type { ExportLine } from './audit-export.ts';
import { exportLine } from './audit-export.ts';
import type { Checkpoint } from './checkpoint.ts';
import { readCheckpoint } from './checkpoint.ts';
import { entryText } from './audit-store.ts';
import { provesConsistency, provesInclusion } from './merkle-proof.ts';
import { tampered } from '../event-chain.ts';
import { isWhatWasSealed } from '../seal/sealed-data.ts';
import { leafHash } from './merkle-tree.ts';
import type { NoteVerifier } from './signed-note.ts';
import { checkStream } from './stream-check.ts';

type Head = Extract<ExportLine, { kind: 'head' }>;
type Event = Extract<ExportLine, { kind: 'event' }>;
type Stream = Extract<ExportLine, { kind: 'stream' }>;
type Line = ExportLine | { readonly kind: 'unreadable'; readonly number: number };

/** Checks a file that `exportLines` wrote: its checkpoint's signature, each stream's way up to it, each stream's chain. Errors: `usage` where it is no such file. */
export async function verifyExport(source: AsyncIterable<string>, kept: readonly string[], verifiers: readonly NoteVerifier[]): Promise<AuditReport> {
  const lines = new Lines(source);
  const head = await lines.take();
  if (head?.kind !== 'head') throw new GloveboxError('usage', 'this is no export of an audit: its first line has to be the one that `glovebox audit export` wrote');
  const findings: AuditFinding[] = [];
  const checkpoint = readCheckpoint(head.checkpoint, verifiers);
  if (typeof checkpoint === 'string') findings.push({ text: `the checkpoint of the export does not hold: ${checkpoint}` });
  else findings.push(...checkEarlier(head, checkpoint, kept, verifiers));
  let [streams, events] = [0, 0];
  for (let line = await lines.take(); ; line = await lines.take()) {
    if (line?.kind !== 'stream') {
      findings.push(...checkLast(line, streams, events));
      break;
    }
    const result = await checkStream({ stream: line.stream, end: { ...line, logged: line.seq }, entries: [line], rows: lines.events(line.stream) });
    streams++;
    events += result.events;
    if (typeof checkpoint === 'object' && !isUnder(line, checkpoint)) findings.push({ stream: line.stream, seq: line.seq, text: `the export was altered: stream ${line.stream}, as it stood at event ${line.seq}, is not under the checkpoint` });
    findings.push(...result.findings);
  }
  const newest = typeof checkpoint === 'object' ? { newest: { entries: checkpoint.size, timeMs: checkpoint.timeMs } } : {};
  return { streams, events, entries: streams, checkpoints: 1 + head.earlier.length, unsigned: 0, ...newest, findings };
}

/** The text that was hashed. What is told of a sealed event has to be what was sealed. Errors: `journal_tampered`. */
function hashedText({ stream, seq, data, salt, stored }: Event): string {
  if (stored === undefined) return canonicalJson(data);
  if (data !== undefined && !isWhatWasSealed(stored, { text: canonicalJson(data), salt: Buffer.from(salt ?? '', 'base64url') })) throw tampered(stream, seq, 'what the export tells of it is not what was sealed');
  return canonicalJson(stored);
}

function isUnder(line: Stream, { size, root }: Checkpoint): boolean {
  return provesInclusion(line.proof.map(bytes), line.number, size, leafHash(entryText(line)), root);
}

/** Each that the reader has kept must be shown to be a beginning of this one. */
function checkEarlier({ earlier }: Head, checkpoint: Checkpoint, kept: readonly string[], verifiers: readonly NoteVerifier[]): readonly AuditFinding[] {
  const proofs = new Map(earlier.map(({ checkpoint: note, proof }) => [note, proof]));
  return [...new Set([...kept, ...proofs.keys()])].flatMap((note) => {
    const before = readCheckpoint(note, verifiers);
    if (typeof before === 'string') return [{ text: `an earlier checkpoint does not hold: ${before}` }];
    const proof = before.size === checkpoint.size ? [] : proofs.get(note);
    if (proof === undefined) return [{ text: `the export does not show that the checkpoint of ${before.size} entries still holds: it has to be made with --checkpoint` }];
    const holds = provesConsistency(proof.map(bytes), before.size, before.root, checkpoint.size, checkpoint.root);
    return holds ? [] : [{ text: `the checkpoint of ${before.size} entries, of ${new Date(before.timeMs).toISOString()}, is not the beginning of this export's: what it covers was rewritten` }];
  });
}

function checkLast(line: Line | undefined, streams: number, events: number): readonly AuditFinding[] {
  if (line === undefined) return [{ text: 'the export was cut off: its last line is missing' }];
  if (line.kind === 'unreadable') return [{ text: `the export was altered or cut off: line ${line.number} cannot be read` }];
  if (line.kind === 'end' && line.streams === streams && line.events === events) return [];
  if (line.kind === 'end') return [{ text: `the export was altered: its last line counts ${line.streams} streams and ${line.events} events, and there are ${streams} and ${events}` }];
  return [{ text: `the export was altered: a line of kind ${line.kind} where it does not belong` }];
}

function bytes(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}

/** One line after the other; events are handed out until another kind of line comes. */
class Lines {
  readonly #source: AsyncIterator<string>;
  #number = 0;
  #back: Line | undefined;

  constructor(source: AsyncIterable<string>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Undefined at the end. */
  async take(): Promise<Line | undefined> {
    const back = this.#back;
    this.#back = undefined;
    if (back !== undefined) return back;
    const { done, value } = await this.#source.next();
    this.#number++;
    if (done === true) return undefined;
    try {
      return exportLine.parse(JSON.parse(value));
    } catch {
      return { kind: 'unreadable', number: this.#number };
    }
  }

  /** With their data as it was hashed. */
  async *events(stream: string): AsyncIterable<unknown> {
    for (let line = await this.take(); line !== undefined; line = await this.take()) {
      if (line.kind !== 'event' || line.stream !== stream) {
        this.#back = line;
        return;
      }
      yield { ...line, data: hashedText(line) };
    }
  }
}
