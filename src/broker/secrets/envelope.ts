import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { GloveboxError } from '../../contracts/index.ts';

export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const sealedBytes = z.base64().transform((text): Buffer => Buffer.from(text, 'base64'));

/** Bytes under a key of their own, and that key under the master key: another master key needs only the small part anew. */
export const envelopeShape = z.strictObject({ masterKey: z.string(), key: sealedBytes, bytes: sealedBytes });
export type Envelope = z.output<typeof envelopeShape>;

/** Says which master key it is, and nothing else of it. */
function nameOfKey(masterKey: Buffer): string {
  return createHash('sha256').update('glovebox master key\0').update(masterKey).digest('hex').slice(0, 16);
}

/** AES-256-GCM, twice. `about` is what it belongs to: an envelope that is moved elsewhere does not open. */
export function seal(masterKey: Buffer, about: string, bytes: Buffer): Envelope {
  const key = randomBytes(KEY_BYTES);
  try {
    return { masterKey: nameOfKey(masterKey), key: encrypt(masterKey, `key of ${about}`, key), bytes: encrypt(key, about, bytes) };
  } finally {
    key.fill(0);
  }
}

/** Errors: `secret_unreadable` for another master key, or where a byte was changed; `remedy` is what else can be done about it. */
export function open(masterKey: Buffer, about: string, envelope: Envelope, remedy = 'or set it again'): Buffer {
  const name = nameOfKey(masterKey);
  if (envelope.masterKey !== name) {
    throw new GloveboxError('secret_unreadable', `${about} was sealed under master key ${envelope.masterKey}, and this is ${name}: give the one it was sealed under, ${remedy}`);
  }
  try {
    const key = decrypt(masterKey, `key of ${about}`, envelope.key);
    try {
      return decrypt(key, about, envelope.bytes);
    } finally {
      key.fill(0);
    }
  } catch (error) {
    throw new GloveboxError('secret_unreadable', `${about} was changed since it was sealed: give what was sealed, ${remedy}`, { cause: error });
  }
}

export function envelopeText({ masterKey, key, bytes }: Envelope): { masterKey: string; key: string; bytes: string } {
  return { masterKey, key: key.toString('base64'), bytes: bytes.toString('base64') };
}

/** Nonce, ciphertext, tag. A nonce is random and its key seals once; the master key seals far fewer than the 2^32 that random nonces allow. */
function encrypt(key: Buffer, about: string, bytes: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(about));
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, about: string, sealed: Buffer): Buffer {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new Error('it is too short');
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(about)).setAuthTag(sealed.subarray(tagAt));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
}
