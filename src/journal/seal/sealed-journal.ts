import { LRUCache } from 'lru-cache';
import { type AppendOptions, canonicalJson, type EventType, type Journal, type JournalEvent, LOCAL_TENANT, type NewEvent } from '../../contracts/index.ts';
import { EVENT_VERSIONS } from '../event-versions.ts';
import { InTurn } from '../in-turn.ts';
import { JournalLayer } from '../journal-layer.ts';
import { PayloadReader } from './payload-reader.ts';
import { payloadTenant } from './payload-tenant.ts';
import type { PayloadKey, PayloadKeys } from './payload-keys.ts';
import { RandomPool } from './random-pool.ts';
import { sealData } from './sealed-data.ts';

/** So many streams are remembered with whose they are. */
const KNOWN_STREAMS = 10_000;

/**
 * A journal whose payloads are sealed by keys of their tenants: who, when and what kind of event can be read in the store, and nothing else. What is hashed is the sealed form, so the chain
 * is verified without any key, and goes on to be when one was destroyed: its events are then read as `erased`. What is not sealed, because an older version wrote it, is read as it is.
 */
export class SealedJournal extends JournalLayer {
  readonly #keys: PayloadKeys;
  readonly #payloads: PayloadReader;
  readonly #tenants = new LRUCache<string, string>({ max: KNOWN_STREAMS });
  readonly #random = new RandomPool();
  /** By stream: a key may have to be fetched. */
  readonly #turns = new InTurn();

  constructor(journal: Journal, keys: PayloadKeys) {
    super(journal);
    this.#keys = keys;
    this.#payloads = new PayloadReader(keys);
  }

  /** Async, so that what it throws is a rejection. */
  async append(stream: string, events: readonly NewEvent[], options: AppendOptions = {}): Promise<readonly JournalEvent[]> {
    const ready = events.map(({ type, data }) => ({ type, text: canonicalJson(data) }));
    const key = events.length === 0 ? undefined : this.#keyFor(stream, options.tenant);
    const appended = await this.#turns.run(stream, key, (found) => this.journal.append(stream, ready.map(({ type, text }) => this.#seal(found, stream, type, text)), options));
    // Type and data come from one `NewEvent`, which the spread cannot show.
    return appended.map((event, i) => ({ ...event, data: events[i]?.data }) as JournalEvent);
  }

  override async read(...args: Parameters<Journal['read']>): Promise<JournalEvent[]> {
    return this.#openAll(await this.journal.read(...args));
  }

  override async skim(...args: Parameters<Journal['skim']>): Promise<JournalEvent[]> {
    return this.#openAll(await this.journal.skim(...args));
  }

  override async *follow(...args: Parameters<Journal['follow']>): AsyncIterable<JournalEvent> {
    for await (const event of this.journal.follow(...args)) yield await this.#open(event);
  }

  /** Of what is erased only whoever asks for `erased` is told. */
  override scan: Journal['scan'] = (types, options) => this.#scan(types, options);

  async *#scan<T extends EventType>(types: readonly T[], options?: Parameters<Journal['scan']>[1]): AsyncIterable<JournalEvent<T>> {
    const wanted: readonly string[] = types;
    for await (const event of this.journal.scan(types, options)) {
      // A row of whichever of the types.
      const opened = await this.#open(event as JournalEvent);
      // One of the types that were asked for, or `erased`.
      if (wanted.includes(opened.type)) yield opened as JournalEvent<T>;
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.idle();
    await super[Symbol.asyncDispose]();
  }

  #keyFor(stream: string, said: string | undefined): PayloadKey | Promise<PayloadKey> {
    const tenant = payloadTenant(stream, this.#tenants.get(stream) ?? said);
    if (tenant === undefined) return this.#keyOfKnown(stream);
    this.#tenants.set(stream, tenant);
    return this.#keys.sealing(tenant, 'events');
  }

  async #keyOfKnown(stream: string): Promise<PayloadKey> {
    const [known] = await this.journal.streams({ stream });
    const tenant = known?.tenant ?? LOCAL_TENANT;
    this.#tenants.set(stream, tenant);
    return this.#keys.sealing(tenant, 'events');
  }

  #seal(key: PayloadKey | undefined, stream: string, type: EventType, text: string): NewEvent {
    // There is a key where there is an event. A store takes data of any shape.
    return { type, data: key === undefined ? undefined : sealData(key, { stream, type, version: EVENT_VERSIONS[type] }, text, this.#random) } as unknown as NewEvent;
  }

  /** In place. */
  async #openAll(events: JournalEvent[]): Promise<JournalEvent[]> {
    for (const [i, event] of events.entries()) {
      const opened = this.#open(event);
      events[i] = opened instanceof Promise ? await opened : opened;
    }
    return events;
  }

  #open(event: JournalEvent): JournalEvent | Promise<JournalEvent> {
    const reading = this.#payloads.read(event);
    return reading instanceof Promise ? reading.then((read) => read.event) : reading.event;
  }
}
