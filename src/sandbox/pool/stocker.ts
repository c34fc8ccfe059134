import { GloveboxError } from '../../contracts/index.ts';
import type { Clock } from '../../contracts/index.ts';
import type { Admission, Place } from '../admission/index.ts';
import { Removals } from './removals.ts';
import type { Member, Shelf } from './shelf.ts';
import type { Shelves } from './shelves.ts';

/** Whoever was just served runs his first command before its replacement is begun. */
const PAUSE_MS = 50;
const ROUND_MS = 1000;
/** What an image's name means, and whether it is still there, is looked up so often for what stands ready. Each hand-out looks as well. */
const CHECK_MS = 5000;
/** What is more than the target goes after so long. */
const SURPLUS_MS = 60_000;
/** An image that is gone for good: what was made from it is of no use. An engine that does not answer says nothing about its images. */
const IMAGE_GONE = new Set(['image_missing', 'image_unusable']);

export interface StockerOptions {
  readonly shelves: Shelves;
  readonly admission: Admission;
  readonly clock: Clock;
  /** Ready sandboxes of all shelves, those in the making included. */
  readonly ceiling: number;
  /** In the making at once. */
  readonly atOnce: number;
  readonly signal: AbortSignal;
}

/** Makes what is missing on the shelves and removes what is too much, in the background. */
export class Stocker {
  readonly #options: StockerOptions;
  readonly #removals = new Removals(() => this.giveWay());
  readonly #making = new Set<Promise<void>>();
  readonly #rounds: NodeJS.Timeout;
  #pause: NodeJS.Timeout | undefined;

  constructor(options: StockerOptions) {
    this.#options = options;
    this.#rounds = setInterval(() => this.#round(), ROUND_MS).unref();
  }

  /** Looks after the shelves in a moment. */
  soon(): void {
    if (this.#options.signal.aborted) return;
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.#fill();
    }, PAUSE_MS);
  }

  /** Removes what was taken off a shelf and is not handed out. */
  dismiss(member: Member): void {
    this.#removals.remove(member.sandbox);
  }

  /** Somebody waits for room: a ready sandbox that is asked for least goes, for each who waits. */
  giveWay(): void {
    const { isShort, waiting } = this.#options.admission;
    if (!isShort || this.#removals.underWay >= waiting) return;
    const [shelf] = [...this.#options.shelves].filter(({ ready }) => ready > 0).sort((a, b) => a.demand.lastMs - b.demand.lastMs);
    const member = shelf?.takeAny();
    if (member === undefined) return;
    this.dismiss(member);
    this.giveWay();
  }

  /** Stops, and removes everything that stands ready. Errors: of those that could not be removed. */
  async close(): Promise<void> {
    clearInterval(this.#rounds);
    clearTimeout(this.#pause);
    await Promise.all(this.#making);
    for (const shelf of this.#options.shelves) for (const member of shelf.takeStale()) this.dismiss(member);
    await this.#removals.finish();
  }

  #round(): void {
    const { shelves, clock, ceiling } = this.#options;
    const now = clock.now();
    for (const shelf of shelves) {
      for (const member of shelf.takeSurplus(shelf.target(now, ceiling), now - SURPLUS_MS)) this.dismiss(member);
      if (shelf.ready > 0 && now - shelf.checkedMs >= CHECK_MS) void this.#check(shelf, now);
    }
    shelves.forgetUnused(now);
    this.#removals.tryAgain();
    this.#fill();
  }

  /** Never rejects. */
  async #check(shelf: Shelf, now: number): Promise<void> {
    shelf.checkedMs = now;
    try {
      const { identity } = await shelf.plan();
      for (const member of shelf.takeStale(identity)) this.dismiss(member);
    } catch (error) {
      shelf.backoff.failed(error, this.#options.clock.now());
      if (!(error instanceof GloveboxError) || !IMAGE_GONE.has(error.code)) return;
      for (const member of shelf.takeStale()) this.dismiss(member);
    }
    this.soon();
  }

  /** Begins as many as are missing and may be made at once. Each begins the next when it is done. */
  #fill(): void {
    const { admission, atOnce, signal } = this.#options;
    while (this.#making.size < atOnce && !signal.aborted) {
      const shelf = this.#neediest();
      const place = shelf && admission.tryEnter(shelf.request.spec.limits.memoryBytes);
      if (shelf === undefined || place === undefined) return;
      shelf.making += 1;
      const making = this.#make(shelf, place).finally(() => {
        shelf.making -= 1;
        this.#making.delete(making);
        this.#fill();
      });
      this.#making.add(making);
    }
  }

  /** Whichever lacks most, those below their floor before all others; undefined when nothing is to be made. */
  #neediest(): Shelf | undefined {
    const { shelves, clock, ceiling } = this.#options;
    const now = clock.now();
    const held = (shelf: Shelf): number => shelf.ready + shelf.making;
    const all = [...shelves];
    if (all.reduce((sum, shelf) => sum + held(shelf), 0) >= ceiling) return undefined;
    const need = (shelf: Shelf): number => (held(shelf) < shelf.floor ? ceiling : 0) + shelf.target(now, ceiling) - held(shelf);
    const [neediest] = all.filter((shelf) => need(shelf) > 0 && shelf.backoff.mayTry(now)).sort((a, b) => need(b) - need(a));
    return neediest;
  }

  /** Never rejects: a failure is kept for whoever asks next, and tried again later. */
  async #make(shelf: Shelf, place: Place): Promise<void> {
    const { clock, signal } = this.#options;
    try {
      const { identity, make } = await shelf.plan();
      const sandbox = await make(signal);
      place.started();
      const member: Member = { sandbox, identity, sinceMs: clock.now() };
      void sandbox.gone.then((why) => {
        place.leave();
        if (shelf.remove(member)) this.#lost(shelf, member, why);
      });
      shelf.put(member);
      shelf.tellWatchers();
      this.giveWay();
    } catch (error) {
      place.leave();
      if (signal.aborted) return;
      shelf.backoff.failed(error, clock.now());
      shelf.tellWatchers(error);
    }
  }

  /** One that was ready has gone by itself. Its replacement is not hurried, because it may go the same way. */
  #lost(shelf: Shelf, member: Member, why: string): void {
    this.dismiss(member);
    shelf.backoff.failed(new GloveboxError('sandbox_lost', `a sandbox that stood ready is gone: ${why}`), this.#options.clock.now());
  }
}
