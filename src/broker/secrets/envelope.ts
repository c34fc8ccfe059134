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

/** 32 bytes, and what they are called, which says nothing else of them. */
export interface MasterKey {
  readonly id: string;
  readonly bytes: Buffer;
}

export function masterKeyOf(bytes: Buffer): MasterKey {
  return { id: createHash('sha256').update('glovebox master key\0').update(bytes).digest('hex').slice(0, 16), bytes };
}

/** AES-256-GCM, twice. `about` is what it belongs to: an envelope that is moved elsewhere does not open. */
export function seal(masterKey: MasterKey, about: string, bytes: Buffer): Envelope {
  const key = randomBytes(KEY_BYTES);
  try {
    return { ...wrap(masterKey, about, key), bytes: encrypt(key, about, bytes) };
  } finally {
    key.fill(0);
  }
}

/** The master key is the one that the envelope names. Errors: `secret_unreadable` where a byte was changed; `remedy` is what else can be done about it. */
export function open(masterKey: MasterKey, about: string, envelope: Envelope, remedy: string): Buffer {
  try {
    const key = unwrap(masterKey, about, envelope);
    try {
      return decrypt(key, about, envelope.bytes);
    } finally {
      key.fill(0);
    }
  } catch (error) {
    throw new GloveboxError('secret_unreadable', `${about} was changed since it was sealed: give what was sealed, ${remedy}`, { cause: error });
  }
}

/** The same bytes under the same key of their own, and that under another master key. The envelope is one that opens. */
export function rewrap(from: MasterKey, to: MasterKey, about: string, envelope: Envelope): Envelope {
  const key = unwrap(from, about, envelope);
  try {
    return { ...wrap(to, about, key), bytes: envelope.bytes };
  } finally {
    key.fill(0);
  }
}

function wrap(masterKey: MasterKey, about: string, key: Buffer): Pick<Envelope, 'masterKey' | 'key'> {
  return { masterKey: masterKey.id, key: encrypt(masterKey.bytes, `key of ${about}`, key) };
}

function unwrap(masterKey: MasterKey, about: string, { key }: Envelope): Buffer {
  return decrypt(masterKey.bytes, `key of ${about}`, key);
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
