import { randomBytes } from 'node:crypto';
import { chmod, link, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GloveboxError } from '../../contracts/index.ts';
import { KEY_BYTES, type MasterKey } from './envelope.ts';
import { readKeyFile } from './given-key.ts';

const FILE_MODE = 0o600;
const NAME = /^master(?:\.(?<generation>[2-9]|[1-9]\d{1,5}))?\.key$/;

/** A master key in a file. */
export interface OwnKey {
  readonly file: string;
  readonly key: MasterKey;
}

/**
 * Master keys that we make ourselves, for their owner alone: `master.key` in the state folder, and `master.2.key` and so on after it was changed. The newest seals. No file is ever written over,
 * so however many processes do something about them at once, and wherever one is killed, none that something was sealed under is lost.
 */
export class OwnKeys {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The newest first; the first is made where there is none. Errors: `config_invalid`. */
  async read(): Promise<readonly [OwnKey, ...OwnKey[]]> {
    const generations = await this.#generations();
    if (generations.length === 0) await this.#make(1);
    const [newest = 1, ...older] = generations;
    const read = async (generation: number): Promise<OwnKey> => ({ file: this.#file(generation), key: await readKeyFile(this.#file(generation)) });
    return [await read(newest), ...(await Promise.all(older.map(read)))];
  }

  /** Makes the one that comes after this file, unless somebody has. */
  async makeAfter(file: string): Promise<void> {
    const generation = (await this.#generations()).find((one) => this.#file(one) === file);
    if (generation === undefined) throw new GloveboxError('config_invalid', `${file} is not there any more: see who has taken it away, and try again`, { details: { file } });
    await this.#make(generation + 1);
  }

  async #generations(): Promise<readonly number[]> {
    const found = (await readdir(this.#folder)).flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [Number(match.groups?.['generation'] ?? 1)];
    });
    return found.toSorted((one, other) => other - one);
  }

  async #make(generation: number): Promise<void> {
    const beside = join(this.#folder, `master.${process.pid}.${randomBytes(4).toString('hex')}.new`);
    await writeSafely(beside, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
    try {
      // Two processes may do this at once: one of them makes the file, and both read it.
      await link(beside, this.#file(generation));
      await sync(this.#folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(beside, { force: true });
    }
  }

  #file(generation: number): string {
    return join(this.#folder, generation === 1 ? 'master.key' : `master.${generation}.key`);
  }
}

async function writeSafely(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: FILE_MODE, flag: 'wx' });
  await chmod(path, FILE_MODE);
  await sync(path);
}

/** Of a folder: the names in it. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
