import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

export interface SpoolLimits {
  /** Open at a time; each is a descriptor of the service. */
  readonly files: number;
  readonly bytes: number;
}

export const SPOOL_LIMITS: SpoolLimits = { files: 512, bytes: 16 * 2 ** 30 };

/** Files for output that does not fit into memory. None has a name: they go with us, however we go. */
export class Spool {
  readonly #folder: string;
  readonly #limits: SpoolLimits;
  #files = 0;
  #bytes = 0;

  constructor(folder: string, limits: SpoolLimits = SPOOL_LIMITS) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Nothing more should be begun that may need one: what is under way may still have its own. */
  get isFull(): boolean {
    return this.#files >= this.#limits.files || this.#bytes >= this.#limits.bytes;
  }

  /** Errors: those of the disk. */
  async open(): Promise<SpoolFile> {
    this.#files += 1;
    try {
      return new SpoolFile(await openNameless(this.#folder), { wrote: (bytes) => (this.#bytes += bytes), closed: (bytes) => this.#closed(bytes) });
    } catch (error) {
      this.#files -= 1;
      throw error;
    }
  }

  #closed(bytes: number): void {
    this.#files -= 1;
    this.#bytes -= bytes;
  }
}

interface Accounts {
  readonly wrote: (bytes: number) => void;
  readonly closed: (bytes: number) => void;
}

/** One of them: bytes are added at its end, and read anywhere. */
export class SpoolFile implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #accounts: Accounts;
  #length = 0;
  #isClosed = false;

  constructor(handle: FileHandle, accounts: Accounts) {
    this.#handle = handle;
    this.#accounts = accounts;
  }

  /** Where they begin. Errors: those of the disk. */
  async append(bytes: Buffer): Promise<number> {
    const at = this.#length;
    await this.#handle.write(bytes, 0, bytes.length, at);
    this.#length += bytes.length;
    this.#accounts.wrote(bytes.length);
    return at;
  }

  async read(at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    await this.#handle.read(bytes, 0, length, at);
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#accounts.closed(this.#length);
    await this.#handle.close();
  }
}

async function openNameless(folder: string): Promise<FileHandle> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, randomUUID());
  const handle = await open(path, 'wx+', 0o600);
  rmSync(path);
  return handle;
}
