import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { PayloadKey } from './payload-keys.ts';

const CIPHER = 'aes-256-gcm';
const TAG_BYTES = 16;
const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const PIECE_BYTES = 2 ** 16;
const MAGIC = 'glovebox sealed blob 1\n';
/** A key's id and the end of the line. */
const MOST_HEADER_BYTES = 512;

/** What can be read of a sealed blob without a key. */
export interface SealedHeader {
  readonly keyId: string;
  readonly salt: Buffer;
  /** As it lies there. */
  readonly bytes: Buffer;
}

/**
 * A line that says what it is, the id of the key, a salt, and pieces of 64 KiB, each with its tag (AES-256-GCM under a key made of the named one and the salt; the nonce is the number
 * of the piece and whether it is the last, so none can be moved, left out or cut off).
 */
export async function* sealPieces(key: PayloadKey, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Buffer> {
  const salt = randomBytes(SALT_BYTES);
  const header = Buffer.concat([Buffer.from(`${MAGIC}${key.id}\n`), salt]);
  const ownKey = keyOfBlob(key.key, salt);
  yield header;
  let number = 0;
  for await (const { piece, last } of equalPieces(chunks, PIECE_BYTES)) {
    const cipher = createCipheriv(CIPHER, ownKey, nonceOf(number++, last)).setAAD(header);
    yield Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()]);
  }
}

/** A sealed blob that is being read, to be closed. */
interface SealedReading {
  readonly header: SealedHeader;
  readonly rest: AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** Takes a sealed blob's header off its pieces. Undefined where it is none, and they are closed then. */
export async function readHeader(pieces: AsyncIterable<Buffer>): Promise<SealedReading | undefined> {
  const source = pieces[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  for (;;) {
    const header = parseHeader(start);
    if (header !== undefined) return { header, rest: following(start.subarray(header.bytes.length), source), close: async () => void (await source.return?.()) };
    const next = start.length < MOST_HEADER_BYTES ? await source.next() : undefined;
    if (next === undefined || next.done === true) {
      await source.return?.();
      return undefined;
    }
    start = Buffer.concat([start, next.value]);
  }
}

/** Errors: any, where something was altered. */
export async function* openPieces(key: PayloadKey, header: SealedHeader, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const ownKey = keyOfBlob(key.key, header.salt);
  let number = 0;
  for await (const { piece, last } of equalPieces(rest, PIECE_BYTES + TAG_BYTES)) {
    const tagAt = piece.length - TAG_BYTES;
    if (tagAt < 0) throw new Error('it is cut off');
    const decipher = createDecipheriv(CIPHER, ownKey, nonceOf(number++, last), { authTagLength: TAG_BYTES });
    decipher.setAAD(header.bytes).setAuthTag(piece.subarray(tagAt));
    yield Buffer.concat([decipher.update(piece.subarray(0, tagAt)), decipher.final()]);
  }
}

function parseHeader(start: Buffer): SealedHeader | undefined {
  const lineEnd = start.indexOf('\n', MAGIC.length);
  const length = lineEnd + 1 + SALT_BYTES;
  if (!start.toString('latin1', 0, MAGIC.length).startsWith(MAGIC) || lineEnd === -1 || start.length < length) return undefined;
  return { keyId: start.toString('utf8', MAGIC.length, lineEnd), salt: start.subarray(lineEnd + 1, length), bytes: start.subarray(0, length) };
}

async function* following(first: Buffer, source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
}

/** All of one size but the last, which may be shorter or empty: there is always one that is the last. */
async function* equalPieces(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, size: number): AsyncGenerator<{ readonly piece: Buffer; readonly last: boolean }> {
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    waiting.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    length += chunk.length;
    if (length <= size) continue;
    let whole = Buffer.concat(waiting);
    // What may be the last piece is kept back.
    for (; whole.length > size; whole = whole.subarray(size)) yield { piece: whole.subarray(0, size), last: false };
    waiting = [whole];
    length = whole.length;
  }
  yield { piece: Buffer.concat(waiting), last: true };
}

function keyOfBlob(key: KeyObject, salt: Buffer): KeyObject {
  return createSecretKey(createHmac('sha256', key).update('glovebox blob\n').update(salt).digest());
}

function nonceOf(number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUIntBE(number, 0, 6);
  nonce.writeUInt8(last ? 1 : 0, NONCE_BYTES - 1);
  return nonce;
}
