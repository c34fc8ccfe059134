import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalJson, describeError, GloveboxError, unlessMissing, whileLocked } from '../../contracts/index.ts';
import { readIfThere, sync, writeWhole } from '../whole-file.ts';
import { type KeyRecord, keyRecord, type KeyStore, readKeyId } from './key-store.ts';

const SUFFIX = '.json';
/** What SQLite makes of it begins likewise, and no name of a tenant does. */
const LOCK = '.lock';
const MOST_LOOKS = 5;

/** Keys as files, `<folder>/<tenant>/<use>.<month>.<generation>.json`. Several processes may share them. */
export class KeyFolder implements KeyStore {
  readonly place: string;

  constructor(folder: string) {
    this.place = folder;
  }

  async get(id: string): Promise<KeyRecord | undefined> {
    const file = this.#fileOf(id);
    return this.#guard(file, async () => {
      let bytes = await readIfThere(file);
      // Somebody replaced it between our opening it and our reading it.
      for (let again = 0; bytes?.[0] === 0 && again < MOST_LOOKS; again++) bytes = await readIfThere(file);
      return bytes === undefined ? undefined : read(file, bytes);
    });
  }

  async add(id: string, record: KeyRecord): Promise<KeyRecord> {
    const file = this.#fileOf(id);
    await this.#guard(file, async () => {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const beside = `${file}.${randomUUID()}.new`;
      await writeWhole(beside, JSON.stringify(record));
      try {
        // Two processes may do this at once: one of them makes the file, and both read it.
        await link(beside, file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      } finally {
        await rm(beside, { force: true });
      }
      await sync(dirname(file));
    });
    return (await this.get(id)) ?? this.add(id, record);
  }

  async replace(id: string, record: KeyRecord, before: KeyRecord): Promise<boolean> {
    const file = this.#fileOf(id);
    return this.#guard(file, () => whileLocked(join(this.place, LOCK), async () => {
      const held = await this.get(id);
      if (held === undefined || canonicalJson(held) !== canonicalJson(before)) return false;
      await this.#overwrite(file, record);
      return true;
    }));
  }

  /** Nothing: each was, when it was replaced. */
  async forget(): Promise<void> {}

  async list(tenant?: string): Promise<readonly { id: string; record: KeyRecord }[]> {
    const tenants = tenant === undefined ? (await this.#names(this.place)).filter((name) => !name.startsWith('.')) : [tenant];
    const found: { id: string; record: KeyRecord }[] = [];
    for (const name of tenants) {
      for (const file of (await this.#names(join(this.place, name))).toSorted()) {
        const id = `${name}/${file.replace(/\.json$/, '').replaceAll('.', '/')}`;
        const record = file.endsWith(SUFFIX) && readKeyId(id) !== undefined ? await this.get(id) : undefined;
        if (record !== undefined) found.push({ id, record });
      }
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #overwrite(file: string, record: KeyRecord): Promise<void> {
    const before = await open(file, 'r+');
    try {
      await writeWhole(file, JSON.stringify(record));
      await sync(dirname(file));
      // What was there has no name any more; its blocks would keep it until something else needs them.
      const { size } = await before.stat();
      await before.write(Buffer.alloc(size), 0, size, 0);
      await before.sync();
    } finally {
      await before.close();
    }
  }

  #fileOf(id: string): string {
    const scope = readKeyId(id);
    if (scope === undefined) throw new GloveboxError('internal', `not the id of a key: ${JSON.stringify(id)}`);
    return join(this.place, scope.tenant, `${scope.use}.${scope.month}.${scope.generation}${SUFFIX}`);
  }

  async #names(folder: string): Promise<readonly string[]> {
    return this.#guard(folder, async () => (await unlessMissing(readdir(folder))) ?? []);
  }

  async #guard<T>(file: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      throw new GloveboxError('journal_failed', `the payload keys in ${this.place} cannot be used: ${describeError(error)}`, { cause: error, details: { file } });
    }
  }
}

function read(file: string, bytes: Buffer): KeyRecord {
  try {
    return keyRecord.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    throw new GloveboxError('secret_unreadable', `${file} is no payload key: put back the file that was there, or what it sealed stays unreadable`, { cause: error, details: { file } });
  }
}
