import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import { KEY_BYTES } from './envelope.ts';

const COMMAND_MS = 30_000;
/** What a key may measure as text, with line ends and all. */
const TEXT_MOST = 4096;
const FILE_MODE = 0o600;

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the master key comes from: one of these variables, else a file in the state folder, which is made where there is none. */
export class MasterKey {
  readonly #env: Environment;
  readonly #file: string;
  #key: Promise<Buffer> | undefined;

  constructor({ env, stateDir }: { readonly env: Environment; readonly stateDir: string }) {
    this.#env = env;
    this.#file = join(stateDir, 'master.key');
  }

  /** 32 bytes; found once and kept. Errors: `config_invalid`. */
  async get(): Promise<Buffer> {
    this.#key ??= this.#find();
    try {
      return await this.#key;
    } catch (error) {
      this.#key = undefined;
      throw error;
    }
  }

  async #find(): Promise<Buffer> {
    const { GLOVEBOX_MASTER_KEY: text, GLOVEBOX_MASTER_KEY_FILE: file, GLOVEBOX_MASTER_KEY_COMMAND: command } = this.#env;
    const given = [text, file, command].filter((one) => one !== undefined && one !== '');
    if (given.length > 1) throw new GloveboxError('config_invalid', 'GLOVEBOX_MASTER_KEY, GLOVEBOX_MASTER_KEY_FILE and GLOVEBOX_MASTER_KEY_COMMAND: set one of them');
    if (text) return keyFrom(text, 'GLOVEBOX_MASTER_KEY');
    if (file) return keyFrom(await readKeyFile(file), file);
    if (command) return keyFrom(await printedBy(command), 'what GLOVEBOX_MASTER_KEY_COMMAND printed');
    return this.#ofStateFolder();
  }

  async #ofStateFolder(): Promise<Buffer> {
    try {
      return keyFrom(await readKeyFile(this.#file), this.#file);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    const beside = `${this.#file}.${process.pid}.${randomBytes(4).toString('hex')}`;
    await writeSafely(beside, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
    try {
      // Two processes may do this at once: one of them makes the file, and both read it.
      await link(beside, this.#file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(beside, { force: true });
    }
    return keyFrom(await readKeyFile(this.#file), this.#file);
  }
}

/** Errors: `config_invalid` for a file that others may read. ENOENT is the caller's. */
async function readKeyFile(path: string): Promise<string> {
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o077) !== 0) throw new GloveboxError('config_invalid', `${path} holds the master key and others may read it: chmod 600 it`);
    if (size > TEXT_MOST) throw new GloveboxError('config_invalid', `${path} is too long for a master key`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof GloveboxError) throw error;
    throw new GloveboxError('config_invalid', `the master key cannot be read: ${describeError(error)}`, { cause: error });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof GloveboxError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

async function writeSafely(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: FILE_MODE, flag: 'wx' });
  await chmod(path, FILE_MODE);
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The operator's own words, for a shell: a key management service is asked by its own client. */
async function printedBy(command: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { timeout: COMMAND_MS, maxBuffer: TEXT_MOST, killSignal: 'SIGKILL' });
    return stdout;
  } catch (error) {
    // Its message would repeat what was printed.
    const { code, killed, signal } = error as { code?: number | string; killed?: boolean; signal?: string };
    const why = killed === true ? `did not end in ${COMMAND_MS / 1000} s or printed too much` : `ended with ${code ?? signal ?? 'an error'}`;
    throw new GloveboxError('config_invalid', `GLOVEBOX_MASTER_KEY_COMMAND ${why}`);
  }
}

function keyFrom(text: string, where: string): Buffer {
  const trimmed = text.trim();
  const key = /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed) ? Buffer.from(trimmed, 'base64') : undefined;
  if (key?.length === KEY_BYTES) return key;
  throw new GloveboxError('config_invalid', `${where} is no master key: expected ${KEY_BYTES} random bytes in base64 or hex (openssl rand -base64 32)`);
}
