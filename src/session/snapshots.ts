import { type Blobs, type FileOptions, GloveboxError, type Sandbox, WORKSPACE } from '../contracts/index.ts';
import type { Gate } from './gate.ts';
import { TarEntries } from './tar-entries.ts';
import type { Watch } from './watch.ts';

/** A workspace as it was. Its id is the hash of its content: two that are equal are one. */
export interface Snapshot {
  readonly id: string;
  readonly bytes: number;
  /** Files, directories and links. */
  readonly files: number;
}

/** Workspaces are larger than what file operations are about. */
const TIMEOUT_MS = 10 * 60_000;

/** Takes the workspace of a session's sandbox into the blob store, and puts one back. Nothing of it is ever unpacked on the host. docs/snapshots.md */
export class Snapshots {
  readonly #sandbox: Sandbox;
  readonly #gate: Gate;
  readonly #blobs: Blobs | undefined;
  readonly #touch: () => void;
  readonly #watch: Watch;

  constructor(options: { sandbox: Sandbox; gate: Gate; blobs: Blobs | undefined; touch: () => void; watch: Watch }) {
    this.#sandbox = options.sandbox;
    this.#gate = options.gate;
    this.#blobs = options.blobs;
    this.#touch = options.touch;
    this.#watch = options.watch;
  }

  /** What runs meanwhile is not stopped: a file that changes is packed as it is when its turn comes. Errors: `denied`, `file_failed`, `journal_failed`, `deadline`. */
  async take(options: FileOptions = {}): Promise<Snapshot> {
    const blobs = this.#store();
    await this.#gate.require({ action: 'file.read', path: WORKSPACE }, { signal: options.signal });
    const entries = new TarEntries();
    const packed = this.#sandbox.files.pack(WORKSPACE, { timeoutMs: TIMEOUT_MS, ...options });
    const keepable = this.#watch.keepable(packed, { sandbox: this.#sandbox.id, where: 'snapshot' });
    const { hash, bytes } = await blobs.putStream(this.#passing(keepable, (chunk) => entries.push(chunk)));
    await this.#gate.write([{ type: 'sandbox.snapshot', data: { sandbox: this.#sandbox.id, blob: hash, bytes, files: entries.count } }]);
    return { id: hash, bytes, files: entries.count };
  }

  /**
   * Makes the workspace what it was when the snapshot was taken; what is in it now goes, where policy lets it be deleted.
   * Errors: `not_found`, `denied`, `journal_tampered`, and `archive_hostile` with the entry that init refused. A workspace in which it failed is neither the one nor the other.
   */
  async restore(id: string, options: FileOptions = {}): Promise<void> {
    const blobs = this.#store();
    await this.#gate.require({ action: 'file.write', path: WORKSPACE }, { signal: options.signal });
    await this.#empty(options);
    try {
      await this.#sandbox.files.unpack(WORKSPACE, this.#passing(blobs.getStream(id)), { timeoutMs: TIMEOUT_MS, ...options });
    } catch (error) {
      throw refusedEntry(id, error);
    }
    await this.#gate.write([{ type: 'sandbox.restored', data: { sandbox: this.#sandbox.id, blob: id } }]);
  }

  async #empty(options: FileOptions): Promise<void> {
    const { files } = this.#sandbox;
    const present = await files.list(WORKSPACE, options);
    if (present.length === 0) return;
    await this.#gate.require({ action: 'file.delete', path: WORKSPACE }, { signal: options.signal });
    for (const { path } of present) await files.remove(`${WORKSPACE}/${path}`, { recursive: true, timeoutMs: TIMEOUT_MS, ...options });
  }

  async *#passing<T extends Uint8Array>(chunks: AsyncIterable<T>, see?: (chunk: T) => void): AsyncGenerator<T> {
    for await (const chunk of chunks) {
      this.#touch();
      see?.(chunk);
      yield chunk;
    }
  }

  #store(): Blobs {
    if (this.#blobs === undefined) throw new GloveboxError('internal', 'this session was opened without a blob store, so it has nowhere to keep snapshots');
    return this.#blobs;
  }
}

/** init takes files, directories and links within the workspace, and nothing else: it says EINVAL and the entry's name. */
function refusedEntry(id: string, error: unknown): unknown {
  if (!(error instanceof GloveboxError) || error.code !== 'file_failed' || error.details['errno'] !== 'EINVAL') return error;
  const entry = String(error.details['path']);
  return new GloveboxError('archive_hostile', `the snapshot ${id} has an entry that is refused: ${JSON.stringify(entry)}`, { cause: error, details: { entry } });
}
