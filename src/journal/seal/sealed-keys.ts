import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { PayloadKeys } from './payload-keys.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const sealedKey = z.strictObject({ key: z.string().min(1), bytes: z.base64() });

/** Keys of what is no event and no blob, such as output that is spooled, sealed by the key that seals a tenant's blobs: they go with it. */
export class SealedKeys {
  readonly #keys: Pick<PayloadKeys, 'sealing' | 'opening'>;

  constructor(keys: Pick<PayloadKeys, 'sealing' | 'opening'>) {
    this.#keys = keys;
  }

  /** As text; it opens only with the same `about`. Errors: those of `PayloadKeys.sealing`. */
  async seal(tenant: string, about: string, bytes: Buffer): Promise<string> {
    const { id, key } = await this.#keys.sealing(tenant, 'blobs');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(`${id}\n${about}`));
    const sealed = Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    return JSON.stringify({ key: id, bytes: sealed.toString('base64') });
  }

  /** Undefined where the tenant's key was destroyed. Errors: any where it was altered or is about something else; those of `PayloadKeys.opening`. */
  async open(about: string, text: string): Promise<Buffer | undefined> {
    const { key: id, bytes } = sealedKey.parse(JSON.parse(text));
    const key = (await this.#keys.opening(id))?.key;
    if (key === undefined) return undefined;
    const sealed = Buffer.from(bytes, 'base64');
    const tagAt = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(`${id}\n${about}`)).setAuthTag(sealed.subarray(tagAt));
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
  }
}
