import { posix } from 'node:path';
import { type FileChange, type FileEntry, type FileOptions, GloveboxError, type Sandbox } from '../contracts/index.ts';
import type { Gate } from './gate.ts';
import type { Watch } from './watch.ts';

/** Files of a session's sandbox. A path's links are resolved inside first, and what policy decides on is what is then touched. */
export class GovernedFiles {
  readonly #sandbox: Sandbox;
  readonly #gate: Gate;
  readonly #touch: () => void;
  readonly #watch: Watch;

  constructor({ sandbox, gate, touch, watch }: { sandbox: Sandbox; gate: Gate; touch: () => void; watch: Watch }) {
    this.#sandbox = sandbox;
    this.#gate = gate;
    this.#touch = touch;
    this.#watch = watch;
  }

  async read(path: string, options: FileOptions & { offset?: number; length?: number; maxBytes?: number } = {}): Promise<Buffer> {
    return this.#sandbox.files.read(await this.#may('file.read', path, options), options);
  }

  async stat(path: string, options: FileOptions = {}): Promise<FileEntry> {
    return this.#sandbox.files.stat(await this.#may('file.read', path, options), options);
  }

  async list(path: string, options: FileOptions & { recursive?: boolean; exclude?: readonly string[]; limit?: number } = {}): Promise<FileEntry[]> {
    return this.#sandbox.files.list(await this.#may('file.list', path, options), options);
  }

  async write(path: string, bytes: Buffer, options: FileOptions & { mode?: number; parents?: boolean } = {}): Promise<void> {
    const canonical = await this.#mayWrite(path, options);
    await this.#sandbox.files.write(canonical, bytes, options);
    await this.#changed('write', canonical, bytes.length);
  }

  async mkdir(path: string, options: FileOptions & { parents?: boolean } = {}): Promise<void> {
    const canonical = await this.#mayWrite(path, options);
    await this.#sandbox.files.mkdir(canonical, options);
    await this.#changed('mkdir', canonical, 0);
  }

  async rename(from: string, to: string, options: FileOptions = {}): Promise<void> {
    const [source, target] = [await this.#may('file.delete', from, options), await this.#may('file.write', to, options)];
    await this.#sandbox.files.rename(source, target, options);
    await this.#changed('remove', source, 0);
    await this.#changed('rename', target, 0);
  }

  /** Names that come, change and go. What is in them is asked for by `read`. */
  async watch(path: string, options: FileOptions & { recursive?: boolean; exclude?: readonly string[]; limit?: number } = {}): Promise<AsyncIterable<FileChange>> {
    // Its own deadline, if any, is that of the watch.
    return this.#sandbox.files.watch(await this.#may('file.list', path, options.signal === undefined ? {} : { signal: options.signal }), options);
  }

  async remove(path: string, options: FileOptions & { recursive?: boolean } = {}): Promise<void> {
    const canonical = await this.#may('file.delete', path, options);
    await this.#sandbox.files.remove(canonical, options);
    await this.#changed('remove', canonical, 0);
  }

  /** A tar stream of the given relative paths. Hostile input to whoever reads it. `kept`: it is to be written down, and is `denied` where a secret that was lent is in it. */
  async pack(directory: string, { kept = false, ...options }: FileOptions & { paths?: readonly string[]; exclude?: readonly string[]; kept?: boolean } = {}): Promise<AsyncIterable<Buffer>> {
    const packed = this.#sandbox.files.pack(await this.#may('file.read', directory, options), options);
    return this.#passing(kept ? this.#watch.keepable(packed, { sandbox: this.#sandbox.id, where: 'checkpoint' }) : packed);
  }

  async unpack(directory: string, tar: AsyncIterable<Uint8Array>, options: FileOptions = {}): Promise<void> {
    const canonical = await this.#may('file.write', directory, options);
    let bytes = 0;
    await this.#sandbox.files.unpack(canonical, this.#passing(tar, (chunk) => (bytes += chunk.length)), options);
    await this.#changed('unpack', canonical, bytes);
  }

  /** Each piece is a sign that somebody is at it. */
  async *#passing<T extends Uint8Array>(chunks: AsyncIterable<T>, see?: (chunk: T) => void): AsyncGenerator<T> {
    for await (const chunk of chunks) {
      this.#touch();
      see?.(chunk);
      yield chunk;
    }
  }

  async #may(action: 'file.read' | 'file.write' | 'file.delete' | 'file.list', path: string, options: FileOptions): Promise<string> {
    this.#touch();
    const canonical = await this.#sandbox.files.resolve(path, options);
    await this.#gate.require({ action, path: canonical }, { signal: options.signal });
    return canonical;
  }

  /** Directories that are still to be made cannot be resolved: what is there is, and the rest is appended. */
  async #mayWrite(path: string, options: FileOptions & { parents?: boolean }): Promise<string> {
    this.#touch();
    const canonical = options.parents === true ? await this.#resolveDeepest(path, options) : await this.#sandbox.files.resolve(path, options);
    await this.#gate.require({ action: 'file.write', path: canonical }, { signal: options.signal });
    return canonical;
  }

  async #resolveDeepest(path: string, options: FileOptions): Promise<string> {
    try {
      return await this.#sandbox.files.resolve(path, options);
    } catch (error) {
      const above = posix.dirname(path);
      if (!(error instanceof GloveboxError) || error.details['errno'] !== 'ENOENT' || above === path) throw error;
      return posix.join(await this.#resolveDeepest(above, options), posix.basename(path));
    }
  }

  async #changed(operation: string, path: string, bytes: number): Promise<void> {
    this.#touch();
    await this.#gate.write([{ type: 'file.changed', data: { sandbox: this.#sandbox.id, operation, path, bytes } }]);
  }
}
