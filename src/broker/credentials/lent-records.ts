import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { describeError, GloveboxError, type KeptEnvelope, type KeptEnvelopes, type Stoppable, unlessMissing } from '../../contracts/index.ts';
import { envelopeShape, envelopeText } from '../secrets/envelope.ts';
import type { MasterKeys } from '../secrets/master-keys.ts';
import { recordsIn, whileNobodyWrites, writeRecord } from '../secrets/record-files.ts';

const recordShape = z.strictObject({ version: z.literal(1), id: z.uuid(), credential: z.string(), owner: z.string(), sealed: envelopeShape, borrower: z.strictObject({ tenant: z.string(), stream: z.string() }).optional() });
type StoredRecord = z.output<typeof recordShape>;

/** What is to be revoked if we die: one file for each lease that a provider can end. */
export interface LentRecord {
  readonly id: string;
  readonly credential: string;
  /** Who answers for it, as `isAlive` understands it. */
  readonly owner: string;
  readonly handle: string;
  /** Whose session it was lent to, and the stream of that. */
  readonly borrower?: Stoppable | undefined;
}

/** Leases that outlive us, on disk from the moment we know of them until they are revoked. A handle may be the secret itself, so it is sealed. */
export class LentRecords implements KeptEnvelopes {
  readonly what = 'leases';
  readonly #folder: string;
  readonly #masterKeys: MasterKeys;

  constructor({ folder, masterKeys }: { readonly folder: string; readonly masterKeys: MasterKeys }) {
    this.#folder = folder;
    this.#masterKeys = masterKeys;
  }

  /** There after a power cut. Gives the record's id. */
  async write({ credential, owner, handle, borrower }: Omit<LentRecord, 'id'>): Promise<string> {
    const id = randomUUID();
    await whileNobodyWrites(this.#folder, async () => this.#write({ version: 1, id, credential, owner, sealed: await this.#masterKeys.seal(about(id), Buffer.from(handle)), borrower }));
    return id;
  }

  async remove(id: string): Promise<void> {
    await whileNobodyWrites(this.#folder, () => rm(this.#file(`${id}.json`), { force: true }));
  }

  /** Those that can be read; `unreadable` are the files that cannot, by name. */
  async list(): Promise<{ readonly records: readonly LentRecord[]; readonly unreadable: readonly string[] }> {
    const records: LentRecord[] = [];
    const unreadable: string[] = [];
    for (const name of await recordsIn(this.#folder)) {
      try {
        const record = await this.#read(name);
        if (record !== undefined) records.push({ ...record, handle: await this.#handleOf(record) });
      } catch {
        unreadable.push(name);
      }
    }
    return { records, unreadable };
  }

  async *envelopes(): AsyncIterable<KeptEnvelope> {
    for (const name of await recordsIn(this.#folder)) {
      yield { check: () => this.#check(name), rewrap: () => whileNobodyWrites(this.#folder, () => this.#rewrap(name)) };
    }
  }

  async #check(name: string): Promise<void> {
    try {
      const record = await this.#read(name);
      if (record !== undefined) await this.#handleOf(record);
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      const file = this.#file(name);
      throw new GloveboxError('secret_unreadable', `${file} cannot be read as a lease: ${describeError(error)}; put back what was there, or remove it and revoke the lease yourself`, { cause: error, details: { file } });
    }
  }

  async #rewrap(name: string): Promise<boolean> {
    const record = await this.#read(name);
    const sealed = record === undefined ? undefined : await this.#masterKeys.rewrap(about(record.id), record.sealed);
    if (record === undefined || sealed === undefined) return false;
    await this.#write({ ...record, sealed });
    return true;
  }

  async #handleOf({ id, sealed }: StoredRecord): Promise<string> {
    return (await this.#masterKeys.open(about(id), sealed, 'or revoke the lease yourself and remove its record')).toString();
  }

  /** Undefined where its owner has revoked it meanwhile. */
  async #read(name: string): Promise<StoredRecord | undefined> {
    const text = await unlessMissing(readFile(this.#file(name), 'utf8'));
    return text === undefined ? undefined : recordShape.parse(JSON.parse(text));
  }

  async #write({ sealed, ...record }: StoredRecord): Promise<void> {
    await writeRecord(this.#file(`${record.id}.json`), JSON.stringify({ ...record, sealed: envelopeText(sealed) }));
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }
}

function about(id: string): string {
  return `lease ${id}`;
}
