import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describeError, GloveboxError } from '../contracts/index.ts';
import { unlessFull } from './full-disk.ts';
import { readImageSource } from './images/image-source.ts';
import type { ImageSource } from './images/image-source.ts';

export interface InitBinaryOptions {
  readonly stateDir: string;
  /** Whose program: init's, or that of the checks. Both are made in the same way. */
  readonly image?: 'init' | 'probe';
  /** Takes the program out of an engine's image `glovebox/<image>:<hash>`; undefined where no engine has that image. */
  readonly extract?: (reference: string, signal?: AbortSignal) => Promise<Buffer | undefined>;
  /** The folder of image sources. */
  readonly sources?: string;
  /** Where compilers are looked for. */
  readonly searchPath?: string;
}

const SOURCES = fileURLToPath(new URL('../../sandbox-images/', import.meta.url));
/** Where an installation may bring it along, by the hash of the source as well. */
const PREBUILT = fileURLToPath(new URL('../../prebuilt/', import.meta.url));
const COMPILE_DEADLINE_MS = 3 * 60_000;
/** In order of preference: musl makes a program a tenth of the size. */
const COMPILERS = ['musl-gcc', 'cc', 'gcc', 'clang'];
const ELF = Buffer.from('\x7fELF', 'latin1');
/** e_machine of an ELF header, and where it stands. */
const ELF_MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };
const ELF_MACHINE_OFFSET = 18;

const run = promisify(execFile);

/** The host's copy of a program that runs in sandboxes, where no engine puts it there. Kept by the hash of its source. */
export class InitBinary {
  readonly #options: InitBinaryOptions;
  readonly #image: 'init' | 'probe';
  readonly #name: string;
  readonly #howToGet: string;
  readonly #sources: string;
  readonly #searchPath: string;
  #made: string | undefined;

  constructor(options: InitBinaryOptions) {
    this.#options = options;
    this.#image = options.image ?? 'init';
    this.#name = `glovebox-${this.#image}`;
    this.#howToGet = `run "glovebox images build ${this.#image}", or apt-get install make musl-tools`;
    this.#sources = options.sources ?? SOURCES;
    this.#searchPath = options.searchPath ?? process.env['PATH'] ?? '';
  }

  /** Its path, made at the first use. Errors: `image_missing` when there is no way to get it here, with what to install. */
  async path(signal?: AbortSignal): Promise<string> {
    this.#made ??= await this.#make(signal);
    return this.#made;
  }

  /** Whether `path` can be answered, without doing much for it. */
  async obtainable(signal?: AbortSignal): Promise<{ readonly ok: boolean; readonly detail: string }> {
    if (this.#made !== undefined) return { ok: true, detail: `${this.#name} is built` };
    const source = await readImageSource(this.#sources, this.#image);
    if (this.#builtPath(source) !== undefined) return { ok: true, detail: `${this.#name} is built` };
    if (this.#compiler() !== undefined && this.#has('make')) return { ok: true, detail: `${this.#name} will be compiled at the first use` };
    if ((await this.#options.extract?.(source.reference, signal)) !== undefined) return { ok: true, detail: `${this.#name} comes from ${source.reference}` };
    return { ok: false, detail: `${this.#name} is not built: ${this.#howToGet}` };
  }

  async #make(signal?: AbortSignal): Promise<string> {
    const source = await readImageSource(this.#sources, this.#image);
    const built = this.#builtPath(source);
    if (built !== undefined) return built;
    const path = this.#pathIn(this.#folder, source);
    const extracted = await this.#options.extract?.(source.reference, signal);
    // An engine may be on another machine, of another kind.
    const bytes = extracted !== undefined && runsHere(extracted) ? extracted : await this.#compile(source, signal);
    await keep(path, bytes).catch((error: unknown) => {
      throw unlessFull(error, this.#options.stateDir);
    });
    return path;
  }

  /** In a copy, so that the source folder, which may not be ours to write to, stays as it is. */
  async #compile(source: ImageSource, signal?: AbortSignal): Promise<Buffer> {
    const compiler = this.#compiler();
    if (compiler === undefined || !this.#has('make')) throw new GloveboxError('image_missing', `${this.#name} is not built: ${this.#howToGet}`);
    await mkdir(this.#folder, { recursive: true });
    const copy = await mkdtemp(join(this.#folder, 'build-'));
    try {
      for (const file of source.files) {
        await mkdir(dirname(join(copy, file.path)), { recursive: true });
        await writeFile(join(copy, file.path), file.content, { mode: file.mode });
      }
      const environment = { PATH: this.#searchPath, LC_ALL: 'C' };
      await run('make', ['-C', copy, `CC=${compiler}`, this.#name], { signal, timeout: COMPILE_DEADLINE_MS, env: environment });
      return await readFile(join(copy, this.#name));
    } catch (error) {
      signal?.throwIfAborted();
      const full = unlessFull(error, this.#options.stateDir);
      if (full !== error) throw full;
      const said = (error as { stderr?: string }).stderr?.trim() ?? describeError(error);
      throw new GloveboxError('image_build_failed', `${this.#name} could not be compiled with ${compiler}: ${said.slice(-2000)}`, { cause: error });
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }

  get #folder(): string {
    return join(this.#options.stateDir, this.#image);
  }

  #builtPath(source: ImageSource): string | undefined {
    return [this.#folder, join(PREBUILT, this.#image)].map((folder) => this.#pathIn(folder, source)).find((path) => existsSync(path));
  }

  #pathIn(folder: string, source: ImageSource): string {
    return join(folder, source.reference.slice(source.reference.lastIndexOf(':') + 1), this.#name);
  }

  #compiler(): string | undefined {
    return COMPILERS.find((name) => this.#has(name));
  }

  #has(program: string): boolean {
    return this.#searchPath.split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)));
  }
}

function runsHere(program: Buffer): boolean {
  return (
    program.length > ELF_MACHINE_OFFSET + 2 &&
    program.subarray(0, ELF.length).equals(ELF) &&
    program.readUInt16LE(ELF_MACHINE_OFFSET) === ELF_MACHINES[process.arch]
  );
}

/** Whole or not at all, because another process may be at it too. */
async function keep(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}.new`;
  try {
    await writeFile(beside, bytes);
    await chmod(beside, 0o755);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
