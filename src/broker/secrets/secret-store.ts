import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describeError, GloveboxError, type KeptEnvelope, type KeptEnvelopes } from '../../contracts/index.ts';
import { envelopeShape, envelopeText } from './envelope.ts';
import type { MasterKeys } from './master-keys.ts';
import { recordsIn, whileNobodyWrites, writeRecord } from './record-files.ts';

const VALUE_MOST_BYTES = 64 * 1024;
const SUFFIX = '.json';

/** A name that people and policies know a secret by. */
export const secretName = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, 'lower-case letters, digits, _ and -, starting with a letter');

const recordShape = z.strictObject({ version: z.literal(1), name: secretName, setMs: z.int(), sealed: envelopeShape });
type SecretRecord = z.output<typeof recordShape>;

export interface SecretEntry {
  readonly name: string;
  readonly setMs: number;
}

/** Secrets at rest: one file each, `<folder>/<name>.json`, its value in an envelope. What is in a value is never told again but to who lends it. */
export class SecretStore implements KeptEnvelopes {
  readonly what = 'secrets';
  readonly #folder: string;
  readonly #masterKeys: MasterKeys;
  readonly #now: () => number;

  constructor({ folder, masterKeys, now }: { readonly folder: string; readonly masterKeys: MasterKeys; readonly now: () => number }) {
    this.#folder = folder;
    this.#masterKeys = masterKeys;
    this.#now = now;
  }

  /** Replaces the one of the same name: what was lent of it before stays what it was. Errors: `usage`, `config_invalid`. */
  async set(name: string, value: string): Promise<void> {
    const known = named(name);
    const bytes = Buffer.from(value);
    if (bytes.length === 0 || bytes.length > VALUE_MOST_BYTES) throw new GloveboxError('usage', `a secret is 1 to ${VALUE_MOST_BYTES} bytes, found ${bytes.length}`);
    if (!value.isWellFormed() || value.includes('\0')) throw new GloveboxError('usage', 'a secret is text without NUL');
    await whileNobodyWrites(this.#folder, async () => this.#write({ version: 1, name: known, setMs: this.#now(), sealed: await this.#masterKeys.seal(about(known), bytes) }));
  }

  /** Errors: `not_found`, `secret_unreadable`, `config_invalid`. */
  async get(name: string): Promise<string> {
    const record = await this.#read(named(name));
    return (await this.#masterKeys.open(about(record.name), record.sealed)).toString();
  }

  /** By name. Files that are no secrets of ours are an error and not passed over. */
  async list(): Promise<readonly SecretEntry[]> {
    const records = await Promise.all((await this.#names()).map((name) => this.#read(name)));
    return records.map(({ name, setMs }) => ({ name, setMs }));
  }

  /** Errors: `not_found`. */
  async remove(name: string): Promise<void> {
    const file = this.#file(named(name));
    try {
      await whileNobodyWrites(this.#folder, () => rm(file));
    } catch (error) {
      throw missing(name, error);
    }
  }

  async *envelopes(): AsyncIterable<KeptEnvelope> {
    for (const name of await this.#names()) {
      yield {
        check: async () => void (await this.get(name).catch(unlessRemoved)),
        rewrap: () => whileNobodyWrites(this.#folder, () => this.#rewrap(name)),
      };
    }
  }

  async #rewrap(name: string): Promise<boolean> {
    const record = await this.#read(name).catch(unlessRemoved);
    const sealed = record === undefined ? undefined : await this.#masterKeys.rewrap(about(name), record.sealed);
    if (record === undefined || sealed === undefined) return false;
    await this.#write({ ...record, sealed });
    return true;
  }

  async #names(): Promise<readonly string[]> {
    return (await recordsIn(this.#folder)).map((file) => file.slice(0, -SUFFIX.length)).toSorted();
  }

  async #write({ sealed, ...record }: SecretRecord): Promise<void> {
    await writeRecord(this.#file(record.name), `${JSON.stringify({ ...record, sealed: envelopeText(sealed) })}\n`);
  }

  async #read(name: string): Promise<SecretRecord> {
    const file = this.#file(name);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      throw missing(name, error);
    }
    try {
      const record = recordShape.parse(JSON.parse(text));
      if (record.name !== name) throw new Error(`it is a file of ${record.name}`);
      return record;
    } catch (error) {
      throw new GloveboxError('secret_unreadable', `${file} cannot be read as a secret: ${describeError(error)}; remove it and set the secret again`, { cause: error });
    }
  }

  #file(name: string): string {
    return join(this.#folder, `${name}${SUFFIX}`);
  }
}

function about(name: string): string {
  return `secret ${name}`;
}

function named(name: string): string {
  const parsed = secretName.safeParse(name);
  if (!parsed.success) throw new GloveboxError('usage', `${JSON.stringify(name)} is no name for a secret: ${parsed.error.issues[0]?.message ?? ''}`);
  return parsed.data;
}

function missing(name: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error;
  return new GloveboxError('not_found', `there is no secret ${name}: \`glovebox secrets set ${name}\` makes one`);
}

function unlessRemoved(error: unknown): undefined {
  if (!(error instanceof GloveboxError) || error.code !== 'not_found') throw error;
}
