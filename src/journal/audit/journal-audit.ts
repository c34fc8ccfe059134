import type { Audit, AuditExportOptions, AuditReport, AuditVerifyOptions } from '../../contracts/index.ts';
import { exportLines } from './audit-export.ts';
import { existingKey } from './audit-key.ts';
import type { AuditReading } from './audit-store.ts';
import { CheckpointFile, splitNotes } from './checkpoint-file.ts';
import { Checkpoints } from './checkpoints.ts';
import type { CheckpointsOptions } from './checkpoints.ts';
import type { PayloadReader } from '../seal/payload-reader.ts';
import { ocsfLines } from './ocsf.ts';
import type { NoteVerifier } from './signed-note.ts';
import { noteVerifier } from './signed-note.ts';
import { verifyAudit } from './verify-audit.ts';
import { verifyExport } from './verify-export.ts';

export interface JournalAuditOptions extends Omit<CheckpointsOptions, 'file'> {
  /** Where notes are kept beside the journal. */
  readonly checkpointFile: string;
  /** Where the key is, if there is one. */
  readonly keyFile: string;
  /** Opens what exports tell of; it stays sealed without. */
  readonly payloads?: PayloadReader;
  /** A journal's file that is not ours, to be read only. */
  readonly open: (file: string) => AuditReading;
}

/** The audit of one journal. */
export class JournalAudit implements Audit, AsyncDisposable {
  readonly #options: JournalAuditOptions;
  readonly #file: CheckpointFile;
  readonly #checkpoints: Checkpoints;

  constructor(options: JournalAuditOptions) {
    this.#options = options;
    this.#file = new CheckpointFile(options.checkpointFile);
    this.#checkpoints = new Checkpoints({ ...options, file: this.#file });
  }

  /** To be told of what was appended to the journal. */
  saw: Checkpoints['saw'] = (events) => this.#checkpoints.saw(events);

  checkpoint(): Promise<string> {
    return this.#checkpoints.make();
  }

  async verifierKey(): Promise<string> {
    return (await this.#options.signer()).verifierKey;
  }

  async verify({ journal, keys = [], checkpoints = [] }: AuditVerifyOptions = {}): Promise<AuditReport> {
    const file = journal === undefined ? this.#file : new CheckpointFile(checkpointFileBeside(journal));
    const beside = { found: `in ${file.path}`, notes: await file.all() };
    await using reading = journal === undefined ? await this.#options.store.read() : this.#options.open(journal);
    const kept = { found: 'that was kept elsewhere,', notes: checkpoints.flatMap(splitNotes) };
    return await verifyAudit(reading, [beside, kept], await this.#verifiers(keys));
  }

  async verifyExport(lines: AsyncIterable<string>, { keys = [], checkpoints = [] }: Pick<AuditVerifyOptions, 'keys' | 'checkpoints'>): Promise<AuditReport> {
    return await verifyExport(lines, checkpoints.flatMap(splitNotes), await this.#verifiers(keys));
  }

  async *export({ format = 'jsonl', ...options }: AuditExportOptions = {}): AsyncIterable<string> {
    const note = await this.#checkpoints.make();
    await using reading = await this.#options.store.read();
    const { payloads } = this.#options;
    if (format === 'ocsf') yield* ocsfLines(reading, options, payloads);
    else yield* exportLines(reading, note, { ...options, checkpoints: (options.checkpoints ?? []).flatMap(splitNotes) }, await this.#verifiers([]), payloads);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#checkpoints[Symbol.asyncDispose]();
  }

  /** Where nothing was ever signed here, nothing is believed: each checkpoint that turns up is told of. */
  async #verifiers(keys: readonly string[]): Promise<readonly NoteVerifier[]> {
    if (keys.length > 0) return keys.map(noteVerifier);
    const own = await existingKey(this.#options.keyFile);
    return own === undefined ? [] : [noteVerifier(own.verifierKey)];
  }
}

/** A journal and the notes beside it are copied together. */
export function checkpointFileBeside(journal: string): string {
  return `${journal}.checkpoints`;
}
