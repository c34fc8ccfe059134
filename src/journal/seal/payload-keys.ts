import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { type Clock, type Envelopes, GloveboxError, monthOf } from '../../contracts/index.ts';
import { keyId, type KeyRecord, type KeyScope, type KeyStore, type KeyUse } from './key-store.ts';

const KEY_BYTES = 32;
/** So many are held unwrapped. */
const MOST_HELD = 1_000;
/** For so long a key is used without a look at what became of it. */
const DEFAULT_TRUST_MS = 2_000;

/** A key in hand. */
export interface PayloadKey {
  readonly id: string;
  readonly key: KeyObject;
}

interface Held {
  /** Undefined: destroyed. */
  readonly key: PayloadKey | undefined;
  readonly state: KeyRecord['state'];
  /** On the monotonic clock. */
  readonly checkedMs: number;
}

interface PayloadKeysOptions {
  readonly store: KeyStore;
  readonly envelopes: Envelopes;
  readonly clock: Clock;
  readonly trustMs?: number;
}

/**
 * The keys that payloads are sealed by, one for each tenant, use and month, made when they are first needed. A key in hand is looked at again every two seconds; so whoever destroys one
 * retires it first and waits for longer than that: what is sealed by it anywhere is sealed before it is gone.
 */
export class PayloadKeys implements AsyncDisposable {
  readonly store: KeyStore;
  readonly #envelopes: Envelopes;
  readonly #clock: Clock;
  readonly #trustMs: number;
  readonly #held = new LRUCache<string, Held>({ max: MOST_HELD });
  /** The id of the newest key of a scope, by that without its generation. */
  readonly #newest = new LRUCache<string, string>({ max: MOST_HELD });
  readonly #looking = new Map<string, Promise<Held | undefined>>();

  constructor({ store, envelopes, clock, trustMs = DEFAULT_TRUST_MS }: PayloadKeysOptions) {
    this.store = store;
    this.#envelopes = envelopes;
    this.#clock = clock;
    this.#trustMs = trustMs;
  }

  /** The key that seals now: at once where it is in hand. Errors: `secret_unreadable`, `config_invalid`, `journal_failed`. */
  sealing(tenant: string, use: KeyUse): PayloadKey | Promise<PayloadKey> {
    const scope = this.#scopeOf(tenant, use);
    const newest = this.#newest.get(`${tenant}/${use}/${scope.month}`);
    const held = newest === undefined ? undefined : this.#inHand(newest);
    return held?.state === 'live' && held.key !== undefined ? held.key : this.#findSealing(scope);
  }

  /** The key that seals now, if there is one: none is made. */
  async current(tenant: string, use: KeyUse): Promise<PayloadKey | undefined> {
    return this.#findNewest(this.#scopeOf(tenant, use));
  }

  /** The key that a payload names; undefined where it was destroyed. Errors: as `sealing`, and `secret_unreadable` where there is none of this id. */
  opening(id: string): PayloadKey | undefined | Promise<PayloadKey | undefined> {
    const held = this.#inHand(id);
    return held === undefined ? this.#findOpening(id) : held.key;
  }

  /** What there is of these seals nothing from now on, in any process. What was destroyed stays so. */
  async retire(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      await this.#become(id, (record) => (record?.state === 'live' ? { ...record, state: 'retired' } : undefined));
    }
  }

  /** After `retire`: what they have sealed can be read by nobody, from two seconds later on. */
  async destroy(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await pause(this.#trustMs * 1.25);
    for (const id of ids) {
      await this.#become(id, (record) => (record?.state === 'destroyed' ? undefined : { state: 'destroyed', atMs: this.#clock.now() }));
    }
    await this.store.forget();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held.clear();
    await this.store[Symbol.asyncDispose]();
  }

  /** What somebody else makes of it meanwhile, as by putting it under another master key, is looked at again. */
  async #become(id: string, next: (record: KeyRecord | undefined) => KeyRecord | undefined): Promise<void> {
    for (let isDone = false; !isDone; ) {
      const before = await this.store.get(id);
      const record = next(before);
      if (record === undefined) break;
      isDone = before === undefined ? (await this.store.add(id, record)).state === record.state : await this.store.replace(id, record, before);
    }
    this.#held.delete(id);
  }

  #inHand(id: string): Held | undefined {
    const held = this.#held.get(id);
    // What is destroyed stays so.
    return held !== undefined && (held.state === 'destroyed' || performance.now() - held.checkedMs < this.#trustMs) ? held : undefined;
  }

  #scopeOf(tenant: string, use: KeyUse): KeyScope {
    return { tenant, use, month: use === 'names' ? 'all' : monthOf(this.#clock.now()) };
  }

  async #findSealing(scope: KeyScope): Promise<PayloadKey> {
    const found = await this.#findNewest(scope, (id) => this.#make(id));
    if (found === undefined) throw new GloveboxError('internal', `no key was made for ${scope.tenant}`);
    return found;
  }

  async #findNewest(scope: KeyScope, make?: (id: string) => Promise<Held>): Promise<PayloadKey | undefined> {
    for (let generation = 1; ; generation++) {
      const id = keyId(scope, generation);
      const held = (await this.#look(id)) ?? (await make?.(id));
      if (held === undefined) return undefined;
      if (held.state !== 'live' || held.key === undefined) continue;
      this.#newest.set(`${scope.tenant}/${scope.use}/${scope.month}`, id);
      return held.key;
    }
  }

  async #findOpening(id: string): Promise<PayloadKey | undefined> {
    const held = await this.#look(id);
    if (held === undefined) {
      throw new GloveboxError('secret_unreadable', `the payload key ${id} is not in ${this.store.place}: put back the keys that belong to this journal; what they sealed stays unreadable without`, { details: { key: id } });
    }
    return held.key;
  }

  /** Once for all who ask at a time. */
  #look(id: string): Promise<Held | undefined> {
    const looking = this.#looking.get(id) ?? this.#read(id).finally(() => this.#looking.delete(id));
    this.#looking.set(id, looking);
    return looking;
  }

  async #read(id: string): Promise<Held | undefined> {
    const checkedMs = performance.now();
    const record = await this.store.get(id);
    return record === undefined ? undefined : this.#hold(id, record, checkedMs);
  }

  async #make(id: string): Promise<Held> {
    const checkedMs = performance.now();
    const bytes = randomBytes(KEY_BYTES);
    const envelope = await this.#envelopes.seal(aboutKey(id), bytes);
    return this.#hold(id, await this.store.add(id, { state: 'live', envelope }), checkedMs);
  }

  async #hold(id: string, record: KeyRecord, checkedMs: number): Promise<Held> {
    // It is unwrapped once.
    const known = this.#held.get(id)?.key;
    const key = record.state === 'destroyed' ? undefined : (known ?? { id, key: createSecretKey(await this.#envelopes.open(aboutKey(id), record.envelope)) });
    const held = { key, state: record.state, checkedMs };
    this.#held.set(id, held);
    return held;
  }
}

/** What the envelope of a key belongs to. */
export function aboutKey(id: string): string {
  return `the payload key ${id}`;
}
