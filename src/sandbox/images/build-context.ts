import { createHash } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Header, Pack } from 'tar-stream';
import { GloveboxError } from '../../contracts/index.ts';
import { type IgnoreRules, readIgnoreRules } from './ignore-rules.ts';

/** What one context may hold: past this it is a folder that somebody named by mistake. */
export interface ContextBounds {
  readonly entries: number;
  readonly bytes: number;
}

const BOUNDS: ContextBounds = { entries: 100_000, bytes: 2 ** 30 };
/** The Dockerfile's name in the context where it lies outside of it. */
const OUTSIDE_NAME = '.glovebox.Dockerfile';

interface Entry {
  /** As the engine sees it. */
  readonly name: string;
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly mtime: Date;
  readonly sizeBytes: number;
  /** Hex SHA-256 of a file; where a link leads to. */
  readonly content: string;
}

/** The files that a build sees, and their hash. They are read twice, once to know whether there is anything to build; a file that changes in between ends the build. */
export class BuildContext {
  /** Hex SHA-256 over names, modes and contents; not over times and owners, which a checkout does not keep. */
  readonly hash: string;
  /** The Dockerfile's name inside. */
  readonly dockerfile: string;
  readonly #entries: readonly Entry[];

  /** Errors: `usage` for what is too large or is no file; those of the file system. */
  static async read(folder: string, dockerfile: string, options: { signal?: AbortSignal; bounds?: ContextBounds } = {}): Promise<BuildContext> {
    const inside = relative(folder, dockerfile);
    const isInside = !inside.startsWith(`..${sep}`);
    const name = isInside ? slashed(inside) : OUTSIDE_NAME;
    const walk = new Walk(folder, await ignoreRules(folder, dockerfile), options.bounds ?? BOUNDS, options.signal);
    await walk.folder('');
    // Whatever the rules say: without it there is nothing to build.
    if (!walk.entries.some((entry) => entry.name === name)) await walk.take(name, dockerfile);
    return new BuildContext(walk.entries, name);
  }

  private constructor(entries: readonly Entry[], dockerfile: string) {
    this.#entries = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    this.dockerfile = dockerfile;
    const hash = createHash('sha256').update(`${dockerfile}\0`);
    for (const { name, type, mode, content } of this.#entries) hash.update(`${name}\0${type}\0${mode}\0${content}\0`);
    this.hash = hash.digest('hex');
  }

  /** Writes it as a tar stream. Errors: `image_build_failed` for a file that changed since. */
  async fill(pack: Pack, signal: AbortSignal): Promise<void> {
    for (const entry of this.#entries) {
      signal.throwIfAborted();
      const header = { name: entry.name, mode: entry.mode, mtime: entry.mtime, type: entry.type, size: entry.sizeBytes };
      if (entry.type === 'file') await copy(entry, pack, header, signal);
      else pack.entry(entry.type === 'symlink' ? { ...header, linkname: entry.content } : header);
    }
  }
}

/** One walk through a folder: what is left out is not even read. */
class Walk {
  readonly entries: Entry[] = [];
  readonly #root: string;
  readonly #rules: IgnoreRules;
  readonly #bounds: ContextBounds;
  readonly #signal: AbortSignal | undefined;
  #bytes = 0;

  constructor(root: string, rules: IgnoreRules, bounds: ContextBounds, signal: AbortSignal | undefined) {
    this.#root = root;
    this.#rules = rules;
    this.#bounds = bounds;
    this.#signal = signal;
  }

  async folder(below: string): Promise<void> {
    const children = await readdir(join(this.#root, below), { withFileTypes: true });
    for (const child of children) {
      this.#signal?.throwIfAborted();
      await this.#child(child, below === '' ? child.name : `${below}/${child.name}`);
    }
  }

  async take(name: string, path: string): Promise<void> {
    const stat = await lstat(path);
    const type = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : undefined;
    if (type === undefined) throw new GloveboxError('usage', `${path} is a socket, a pipe or a device, which no build can have: name it in .dockerignore`);
    const sizeBytes = type === 'file' ? stat.size : 0;
    this.#count(sizeBytes);
    const content = type === 'file' ? await hashFile(path, this.#signal) : type === 'symlink' ? await readlink(path) : '';
    this.entries.push({ name, path, type, mode: stat.mode & 0o7777, mtime: stat.mtime, sizeBytes, content });
  }

  async #child(child: Dirent, name: string): Promise<void> {
    const isLeftOut = this.#rules.ignores(name);
    if (!isLeftOut) await this.take(name, join(this.#root, name));
    if (child.isDirectory() && (!isLeftOut || this.#rules.hasExceptions)) await this.folder(name);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#bounds.bytes && this.entries.length < this.#bounds.entries) return;
    const most = `${this.#bounds.entries} files and ${Math.round(this.#bounds.bytes / 2 ** 20)} MiB`;
    throw new GloveboxError('usage', `the build context ${this.#root} has more than ${most}: name what the build does not need in a .dockerignore there`);
  }
}

/** As BuildKit does: rules of the Dockerfile's own come before the folder's. */
async function ignoreRules(folder: string, dockerfile: string): Promise<IgnoreRules> {
  for (const path of [`${dockerfile}.dockerignore`, join(folder, '.dockerignore')]) {
    try {
      return readIgnoreRules(await readFile(path, 'utf8'));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  return readIgnoreRules('');
}

async function hashFile(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, signal === undefined ? {} : { signal });
  return hash.digest('hex');
}

async function copy(entry: Entry, pack: Pack, header: Partial<Header> & { readonly name: string }, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const changed = (cause?: unknown): GloveboxError =>
    new GloveboxError('image_build_failed', `${basename(entry.path)} changed while the context was sent: build again when ${entry.path} is at rest`, { cause });
  try {
    // One byte more would be a size that the header does not name.
    await pipeline(createReadStream(entry.path), hashing, pack.entry(header), { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw changed(cause);
  }
  if (hash.digest('hex') !== entry.content) throw changed();
}

function slashed(path: string): string {
  return path.split(sep).join('/');
}
