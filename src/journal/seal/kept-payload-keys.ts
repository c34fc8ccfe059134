import type { Envelopes, KeptEnvelope, KeptEnvelopes } from '../../contracts/index.ts';
import type { KeyRecord, KeyStore } from './key-store.ts';
import { aboutKey } from './payload-keys.ts';

/** Payload keys as what they lie in: envelopes under the master key. */
export class KeptPayloadKeys implements KeptEnvelopes {
  readonly what = 'payload keys';
  readonly #store: KeyStore;
  readonly #envelopes: Envelopes;

  constructor({ store, envelopes }: { readonly store: KeyStore; readonly envelopes: Envelopes }) {
    this.#store = store;
    this.#envelopes = envelopes;
  }

  async *envelopes(): AsyncIterable<KeptEnvelope> {
    let rewrapped = 0;
    for (const { id, record } of await this.#store.list()) {
      if (record.state === 'destroyed') continue;
      yield {
        check: async () => void (await this.#envelopes.open(aboutKey(id), record.envelope)).fill(0),
        rewrap: async () => {
          const isRewrapped = await this.#rewrap(id, record);
          if (isRewrapped) rewrapped++;
          return isRewrapped;
        },
      };
    }
    if (rewrapped > 0) await this.#store.forget();
  }

  /** What somebody makes of it meanwhile counts: what is destroyed stays so, and what is retired is found at the next look. */
  async #rewrap(id: string, record: Extract<KeyRecord, { envelope: string }>): Promise<boolean> {
    const envelope = await this.#envelopes.rewrap(aboutKey(id), record.envelope);
    return envelope !== undefined && (await this.#store.replace(id, { ...record, envelope }, record));
  }
}
