import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, randomUUID } from 'node:crypto';
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

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** One of them: pieces are added at its end, and read again. They are sealed by a key that is nowhere but in our memory: what is left of them on a disk is nothing that anybody can read. */
export class SpoolFile implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #accounts: Accounts;
  readonly #key = createSecretKey(randomBytes(KEY_BYTES));
  #length = 0;
  #isClosed = false;

  constructor(handle: FileHandle, accounts: Accounts) {
    this.#handle = handle;
    this.#accounts = accounts;
  }

  /** Where the piece begins. Errors: those of the disk. */
  async append(piece: Buffer): Promise<number> {
    const at = this.#length;
    const cipher = createCipheriv(CIPHER, this.#key, nonceOf(at));
    const sealed = Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()]);
    // Whether it can be written or not: nothing else is ever sealed as what stands there.
    this.#length += sealed.length;
    this.#accounts.wrote(sealed.length);
    await this.#handle.write(sealed, 0, sealed.length, at);
    return at;
  }

  /** The piece of so many bytes that begins there. Errors: those of the disk; any where it is not what was added. */
  async read(at: number, length: number): Promise<Buffer> {
    const sealed = Buffer.alloc(length + TAG_BYTES);
    await this.#handle.read(sealed, 0, sealed.length, at);
    const decipher = createDecipheriv(CIPHER, this.#key, nonceOf(at), { authTagLength: TAG_BYTES }).setAuthTag(sealed.subarray(length));
    return Buffer.concat([decipher.update(sealed.subarray(0, length)), decipher.final()]);
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

/** Under its own key nothing else is in this place. */
function nonceOf(at: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUIntBE(at, 0, 6);
  return nonce;
}
