import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { PayloadKeys } from './payload-keys.ts';
import { NONCE_BYTES, openBytes, sealBytes } from './sealed-bytes.ts';

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
    return JSON.stringify({ key: id, bytes: sealBytes(key, randomBytes(NONCE_BYTES), Buffer.from(`${id}\n${about}`), bytes).toString('base64') });
  }

  /** Undefined where the tenant's key was destroyed. Errors: any where it was altered or is about something else; those of `PayloadKeys.opening`. */
  async open(about: string, text: string): Promise<Buffer | undefined> {
    const { key: id, bytes } = sealedKey.parse(JSON.parse(text));
    const key = (await this.#keys.opening(id))?.key;
    return key === undefined ? undefined : openBytes(key, Buffer.from(`${id}\n${about}`), Buffer.from(bytes, 'base64'));
  }
}
