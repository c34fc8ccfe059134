import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { OutputChunk } from '../../contracts/index.ts';

/** A piece of a command's output as it stands in a file. */
export interface SpooledPiece {
  readonly channel: OutputChunk['channel'];
  /** In the channel. */
  readonly offset: number;
  readonly length: number;
  /** In the file. */
  readonly at: number;
}

interface SpoolFileOptions {
  readonly handle: FileHandle;
  readonly key: Buffer;
  /** Where the next piece goes. */
  readonly at?: number;
  readonly wrote: (bytes: number) => void;
  /** Told once, with all that it took. */
  readonly closed: (bytes: number) => Promise<void>;
}

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Channel, offset, length: clear, and held by the seal. */
const HEAD_BYTES = 1 + 6 + 4;
const AROUND_BYTES = HEAD_BYTES + NONCE_BYTES + TAG_BYTES;
/** More than any piece is: what says more was not written by us. */
const MOST_BYTES = 64 * 1_048_576;

/** Output in a file: pieces are added at its end, and read again. Each is sealed: what is left of them on a disk says nothing to whoever has no key. */
export class SpoolFile implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #key: KeyObject;
  readonly #options: SpoolFileOptions;
  #length: number;
  #isClosed = false;

  constructor(options: SpoolFileOptions) {
    this.#options = options;
    this.#handle = options.handle;
    this.#key = createSecretKey(options.key);
    this.#length = options.at ?? 0;
  }

  /** Where the piece begins. Errors: those of the disk. */
  async append({ channel, offset, bytes }: OutputChunk): Promise<number> {
    const at = this.#length;
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt8(channel === 'stdout' ? 1 : 2, 0);
    head.writeUIntBE(offset, 1, 6);
    head.writeUInt32BE(bytes.length, 7);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(head);
    const record = Buffer.concat([head, nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    this.#length += record.length;
    this.#options.wrote(record.length);
    await this.#handle.write(record, 0, record.length, at);
    return at;
  }

  /** The piece of so many bytes that begins there. Errors: those of the disk; any where it is not what was added. */
  async read(at: number, length: number): Promise<Buffer> {
    const record = Buffer.alloc(length + AROUND_BYTES);
    await this.#handle.read(record, 0, record.length, at);
    const head = record.subarray(0, HEAD_BYTES);
    if (head.readUInt32BE(7) !== length) throw new Error('it is not the piece that was put there');
    const tagAt = record.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.#key, record.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(head).setAuthTag(record.subarray(tagAt));
    return Buffer.concat([decipher.update(record.subarray(HEAD_BYTES + NONCE_BYTES, tagAt)), decipher.final()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#handle.close();
    await this.#options.closed(this.#length);
  }
}

/** The pieces of a file from `at` on, and where the last whole one ends: whoever died while he wrote left half of one. Errors: those of the disk. */
export async function piecesIn(handle: FileHandle, at: number): Promise<{ readonly pieces: readonly SpooledPiece[]; readonly end: number }> {
  const { size } = await handle.stat();
  const pieces: SpooledPiece[] = [];
  const head = Buffer.alloc(HEAD_BYTES);
  let end = at;
  while (end + AROUND_BYTES <= size) {
    await handle.read(head, 0, HEAD_BYTES, end);
    const [channel, offset, length] = [head.readUInt8(0), head.readUIntBE(1, 6), head.readUInt32BE(7)];
    if ((channel !== 1 && channel !== 2) || length > MOST_BYTES || end + AROUND_BYTES + length > size) break;
    pieces.push({ channel: channel === 1 ? 'stdout' : 'stderr', offset, length, at: end });
    end += AROUND_BYTES + length;
  }
  return { pieces, end };
}
