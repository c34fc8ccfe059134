import { setTimeout as sleep } from 'node:timers/promises';
import { type AppendObserver, describeError, type Journal, type JournalEvent } from '../contracts/index.ts';
import type { Way } from './channels/way.ts';
import { Deliveries, type DeliveriesOptions } from './deliveries.ts';
import { NOTICE_EVENTS, type Notice, noticeOf } from './notice.ts';

/** A channel with the way that it goes, and what of. */
export interface OpenChannel {
  readonly name: string;
  readonly way: Way;
  readonly wants: (notice: Notice, tenant: string) => boolean;
}

export interface NotifierOptions extends Omit<DeliveriesOptions, 'signal'> {
  readonly channels: readonly OpenChannel[];
  /** Told what goes wrong with telling. */
  readonly note: (text: string) => void;
  /** How often is looked for what other processes wrote. */
  readonly lookMs?: number;
}

const LOOK_MS = 10_000;
/** A timer may fire a little before the clock is there. */
const TIMER_LATE_MS = 5;
/** Beyond it nobody asks for: clocks are set. */
const LONGEST_TIMER_MS = 86_400_000;
/** What happened before the service began and is older is not told any more. */
const BACK_MS = 3600_000;
/** Clocks of machines differ, and what is being appended has a time already. */
const OVERLAP_MS = 60_000;

/** Tells people: at once of what this process appends, and soon of what others did. */
export class Notifier implements AppendObserver, AsyncDisposable {
  readonly #options: NotifierOptions;
  readonly #deliveries: Deliveries;
  readonly #closed = new AbortController();
  /** What is not over yet, by channel and notice: when it may be tried. */
  readonly #open = new Map<string, { readonly notice: Notice; readonly channel: OpenChannel; atMs: number }>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #busy = new Set<string>();
  readonly #telling = new Set<Promise<void>>();
  /** When it happened, by notice. */
  readonly #seen = new Map<string, number>();
  readonly #looking: Promise<void>;
  #fromMs: number;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#deliveries = new Deliveries({ ...options, signal: this.#closed.signal });
    this.#fromMs = options.clock.now() - BACK_MS;
    this.#looking = this.#lookAgainAndAgain();
  }

  appended(events: readonly JournalEvent[]): void {
    for (const event of events) {
      const notice = noticeOf(event);
      if (notice !== undefined) this.#track(this.#take(notice).then(() => this.#tellDue()));
    }
  }

  failed(): void {}

  /** What is under way is cut short, and left to the next. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('the service stops'));
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#looking;
    await Promise.allSettled(this.#telling);
  }

  async #lookAgainAndAgain(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      try {
        await this.#look();
        await this.#tellDue();
      } catch (error) {
        this.#options.note(`people cannot be told: ${describeError(error)}`);
      }
      await sleep(this.#options.lookMs ?? LOOK_MS, undefined, { signal: this.#closed.signal, ref: false }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { journal, clock } = this.#options;
    const [fromMs, now] = [this.#fromMs, clock.now()];
    for await (const event of journal.scan(NOTICE_EVENTS, { fromMs })) {
      if (this.#closed.signal.aborted) return;
      const notice = event.timeMs < fromMs ? undefined : noticeOf(event);
      if (notice !== undefined) await this.#take(notice);
    }
    this.#fromMs = Math.max(fromMs, now - OVERLAP_MS);
    for (const [id, timeMs] of this.#seen) if (timeMs < this.#fromMs) this.#seen.delete(id);
  }

  /** Once. */
  async #take(notice: Notice): Promise<void> {
    if (this.#seen.has(notice.id)) return;
    const tenant = await tenantOf(this.#options.journal, notice.stream);
    if (this.#seen.has(notice.id)) return;
    this.#seen.set(notice.id, notice.timeMs);
    for (const channel of this.#options.channels) if (channel.wants(notice, tenant)) this.#open.set(`${channel.name} ${notice.id}`, { notice, channel, atMs: 0 });
  }

  /** One after the other in a channel, and channels beside each other: one that hangs holds up itself. */
  async #tellDue(): Promise<void> {
    await Promise.all(this.#options.channels.map((channel) => this.#tellIn(channel)));
  }

  async #tellIn(channel: OpenChannel): Promise<void> {
    if (this.#busy.has(channel.name)) return;
    this.#busy.add(channel.name);
    try {
      for (let due = this.#nextIn(channel); due !== undefined && !this.#closed.signal.aborted; due = this.#nextIn(channel)) {
        const [key, delivery] = due;
        const again = await this.#deliveries.tell(delivery.notice, channel.name, channel.way);
        if (again === undefined) this.#open.delete(key);
        else this.#tryAgain(delivery, again);
      }
    } finally {
      this.#busy.delete(channel.name);
    }
  }

  /** When it is due, however long nobody looks through the journal. */
  #tryAgain(delivery: { atMs: number }, atMs: number): void {
    const now = this.#options.clock.now();
    delivery.atMs = Math.max(atMs, now + 1);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#track(this.#tellDue());
    }, Math.min(delivery.atMs - now + TIMER_LATE_MS, LONGEST_TIMER_MS)).unref();
    this.#timers.add(timer);
  }

  #nextIn(channel: OpenChannel) {
    const now = this.#options.clock.now();
    for (const entry of this.#open) if (entry[1].channel === channel && entry[1].atMs <= now) return entry;
    return undefined;
  }

  #track(telling: Promise<void>): void {
    const known = telling.catch((error: unknown) => this.#options.note(`people cannot be told: ${describeError(error)}`)).finally(() => this.#telling.delete(known));
    this.#telling.add(known);
  }
}

async function tenantOf(journal: Journal, stream: string): Promise<string> {
  return (await journal.streams({ prefix: stream, limit: 1 })).find((listing) => listing.stream === stream)?.tenant ?? '';
}
