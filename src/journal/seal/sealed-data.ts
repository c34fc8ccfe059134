import { hash } from 'node:crypto';
import { z } from 'zod';
import type { PayloadKey } from './payload-keys.ts';
import type { RandomPool } from './random-pool.ts';
import { NONCE_BYTES, openBytes, sealBytes } from './sealed-bytes.ts';

const SALT_BYTES = 16;

/**
 * An event's data as it is stored and hashed. `bytes`: nonce, ciphertext and tag of AES-256-GCM over a random salt and the data in canonical JSON. `digest`: SHA-256 of the same salt and
 * data, so that whoever is given both can check them against the chain without any key, and whoever is not learns nothing. `key` names the key.
 */
export interface SealedData {
  readonly sealed: { readonly bytes: string; readonly digest: string; readonly key: string };
}

/** What an event's payload belongs to: it opens nowhere else. Its place within the stream is held by the chain. */
export interface PayloadPlace {
  readonly stream: string;
  readonly type: string;
  readonly version: number;
}

/** What was sealed: the data's text, and the salt beside it. */
export interface OpenedData {
  readonly text: string;
  readonly salt: Buffer;
}

const base64url = z.string().regex(/^[\w-]+$/);
export const sealedData = z.strictObject({ sealed: z.strictObject({ bytes: base64url, digest: base64url, key: z.string().min(1) }) });

/** No data of an event has a member `sealed`. By hand, because each event that is read comes by here; what is wrong in it does not open. */
export function isSealed(data: unknown): data is SealedData {
  if (typeof data !== 'object' || data === null || !('sealed' in data)) return false;
  const { sealed } = data;
  return typeof sealed === 'object' && sealed !== null && 'bytes' in sealed && 'key' in sealed && typeof sealed.bytes === 'string' && typeof sealed.key === 'string';
}

/** `text` is canonical JSON. */
export function sealData({ id, key }: PayloadKey, place: PayloadPlace, text: string, pool: RandomPool): SealedData {
  const clear = Buffer.allocUnsafe(SALT_BYTES + Buffer.byteLength(text));
  const random = pool.take(SALT_BYTES + NONCE_BYTES);
  random.copy(clear, 0, 0, SALT_BYTES);
  clear.write(text, SALT_BYTES);
  const bytes = sealBytes(key, random.subarray(SALT_BYTES), about(id, place), clear);
  return { sealed: { bytes: bytes.toString('base64url'), digest: hash('sha256', clear, 'base64url'), key: id } };
}

/** Errors: any, where a byte was changed or it is of another place. */
export function openData({ id, key }: PayloadKey, place: PayloadPlace, { sealed }: SealedData): OpenedData {
  const clear = openBytes(key, about(id, place), Buffer.from(sealed.bytes, 'base64url'));
  if (clear.length < SALT_BYTES) throw new Error('it is too short');
  return { text: clear.toString('utf8', SALT_BYTES), salt: clear.subarray(0, SALT_BYTES) };
}

/** Whether this is what was sealed, by the digest in the chain. */
export function isWhatWasSealed({ sealed }: SealedData, { text, salt }: OpenedData): boolean {
  // A salt of another length would move the border between the two.
  return salt.length === SALT_BYTES && hash('sha256', Buffer.concat([salt, Buffer.from(text)]), 'base64url') === sealed.digest;
}

function about(key: string, { stream, type, version }: PayloadPlace): Buffer {
  return Buffer.from(`${key}\n${stream}\n${type}\n${version}`);
}
