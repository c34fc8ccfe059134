import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import { KEY_BYTES, type MasterKey, masterKeyOf } from './envelope.ts';

const COMMAND_MS = 30_000;
/** What a key may measure as text, with line ends and all. */
const TEXT_MOST = 4096;

type Environment = Readonly<Record<string, string | undefined>>;

/** A master key that the operator gives: `<variable>`, the file of `<variable>_FILE`, or what `<variable>_COMMAND` prints. */
export class GivenKey {
  readonly #env: Environment;
  readonly #variable: string;
  readonly #mayBeEmpty: boolean;
  #printed: Promise<MasterKey> | undefined;

  /** `mayBeEmpty`: an empty file is none, as where a file is always named and only sometimes has a key. */
  constructor(env: Environment, variable: string, { mayBeEmpty = false }: { readonly mayBeEmpty?: boolean } = {}) {
    this.#env = env;
    this.#variable = variable;
    this.#mayBeEmpty = mayBeEmpty;
  }

  /** By what it is given: the name of a variable, or of a file. Undefined where it is not. Errors: `config_invalid`. */
  get where(): string | undefined {
    const names = ['', '_FILE', '_COMMAND'].map((ending) => `${this.#variable}${ending}`);
    const [name, ...more] = names.filter((one) => (this.#env[one] ?? '') !== '');
    if (more.length > 0) throw new GloveboxError('config_invalid', `${names[0]}, ${names[1]} and ${names[2]}: set one of them`);
    return name?.endsWith('_FILE') === true ? this.#env[name] : name;
  }

  /** As it is now; a command is asked once, and only `anew` again. Undefined where none is given. Errors: `config_invalid`. */
  async read(anew = false): Promise<MasterKey | undefined> {
    const where = this.where;
    const { [this.#variable]: text = '', [`${this.#variable}_FILE`]: file = '', [`${this.#variable}_COMMAND`]: command = '' } = this.#env;
    if (where === undefined) return undefined;
    if (text !== '') return keyFrom(text, where);
    if (file !== '') {
      const content = await readKeyText(file);
      return this.#mayBeEmpty && content.trim() === '' ? undefined : keyFrom(content, file);
    }
    if (anew) this.#printed = undefined;
    this.#printed ??= printedBy(command, where);
    try {
      return await this.#printed;
    } catch (error) {
      this.#printed = undefined;
      throw error;
    }
  }
}

/** Errors: `config_invalid`. */
export async function readKeyFile(path: string): Promise<MasterKey> {
  return keyFrom(await readKeyText(path), path);
}

/** Errors: `config_invalid`, also for a file that others may read. */
async function readKeyText(path: string): Promise<string> {
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

/** The operator's own words, for a shell: a key management service is asked by its own client. */
async function printedBy(command: string, variable: string): Promise<MasterKey> {
  let printed: string;
  try {
    printed = (await promisify(execFile)('sh', ['-c', command], { timeout: COMMAND_MS, maxBuffer: TEXT_MOST, killSignal: 'SIGKILL' })).stdout;
  } catch (error) {
    // Its message would repeat what was printed.
    const { code, killed, signal } = error as { code?: number | string; killed?: boolean; signal?: string };
    const why = killed === true ? `did not end in ${COMMAND_MS / 1000} s or printed too much` : `ended with ${code ?? signal ?? 'an error'}`;
    throw new GloveboxError('config_invalid', `${variable} ${why}`);
  }
  return keyFrom(printed, `what ${variable} printed`);
}

function keyFrom(text: string, where: string): MasterKey {
  const trimmed = text.trim();
  const key = /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed) ? Buffer.from(trimmed, 'base64') : undefined;
  if (key?.length === KEY_BYTES) return masterKeyOf(key);
  throw new GloveboxError('config_invalid', `${where} is no master key: expected ${KEY_BYTES} random bytes in base64 or hex (openssl rand -base64 32)`);
}
