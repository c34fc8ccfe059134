import { GloveboxError } from '../../contracts/index.ts';
import type { Clock } from '../../contracts/index.ts';
import { cancelled } from '../deadline.ts';
import { FairQueue } from './fair-queue.ts';
import type { AdmissionLimits } from './machine-limits.ts';
import { WaitEstimate } from './wait-estimate.ts';

/** The room of one sandbox. Both calls are idempotent. */
export interface Place {
  /** It has started: the next one may start. */
  started(): void;
  /** It is gone, or never came to be. */
  leave(): void;
}

interface Waiter {
  readonly memoryBytes: number;
  readonly admit: (place: Place) => void;
  readonly refuse: (error: GloveboxError) => void;
}

/** Keeps a machine from falling over: so many sandboxes, so much memory, so many starts at once. Who finds no room waits his turn, or is told when to come back. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #shortage: () => void;
  readonly #queue = new FairQueue<Waiter>();
  readonly #estimate = new WaitEstimate();
  #live = 0;
  #memoryBytes = 0;
  #starting = 0;
  #closed: GloveboxError | undefined;

  /** `shortage` is called when somebody waits for room: whoever holds some that he does not need is to let it go. */
  constructor(options: { readonly limits: AdmissionLimits; readonly clock: Clock; readonly shortage: () => void }) {
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#shortage = options.shortage;
  }

  /** Sandboxes that have a place. */
  get live(): number {
    return this.#live;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Whoever's turn it is waits for room, and not merely for others to have started. */
  get isShort(): boolean {
    const { next } = this.#queue;
    return next !== undefined && !this.#hasRoom(next.memoryBytes);
  }

  /** A place, in turn. Errors: `admission_full` with `details.retryAfterSeconds`; `config_invalid` for what would never fit; `cancelled`. */
  enter(request: { readonly owner: string; readonly memoryBytes: number; readonly signal: AbortSignal }): Promise<Place> {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#queue.size === 0 && this.#fits(request.memoryBytes)) return Promise.resolve(this.#place(request.memoryBytes));
    if (this.#queue.size >= this.#limits.waiting) {
      const displaced = this.#queue.displaceFor(request.owner);
      if (displaced === undefined) return Promise.reject(this.#full('as many are waiting as may'));
      displaced.refuse(this.#full('others, who have fewer waiting, came before'));
    }
    return this.#wait(request.owner, request.memoryBytes, request.signal);
  }

  /** A place that nobody is waiting for; undefined where there is none to spare. */
  tryEnter(memoryBytes: number): Place | undefined {
    return this.#closed === undefined && this.#queue.size === 0 && this.#fits(memoryBytes) ? this.#place(memoryBytes) : undefined;
  }

  /** The place of one that runs already, whether there is room or not. What memory it may use is not known. */
  count(): Place {
    const place = this.#place(0);
    place.started();
    return place;
  }

  /** Nobody is let in any more, and whoever waits is told why. */
  close(reason: GloveboxError): void {
    this.#closed = reason;
    for (const waiter of this.#queue.clear()) waiter.refuse(reason);
  }

  #refusal({ memoryBytes, signal }: { readonly memoryBytes: number; readonly signal: AbortSignal }): GloveboxError | undefined {
    if (this.#closed !== undefined) return this.#closed;
    if (signal.aborted) return cancelled('waiting for a sandbox', signal);
    if (memoryBytes <= this.#limits.memoryBytes) return undefined;
    const asked = `a sandbox with a memory limit of ${mebibytes(memoryBytes)} would never fit`;
    return new GloveboxError('config_invalid', `${asked}: all sandboxes together may have ${mebibytes(this.#limits.memoryBytes)}; lower the policy's limit, or lend more of the machine`);
  }

  #wait(owner: string, memoryBytes: number, signal: AbortSignal): Promise<Place> {
    if (this.#queue.size === 0) this.#estimate.began(this.#clock.now());
    const { promise, resolve, reject } = Promise.withResolvers<Place>();
    const waiter: Waiter = { memoryBytes, admit: resolve, refuse: reject };
    const giveUp = (error: () => GloveboxError) => (): void => {
      // Its turn may have come in the same tick.
      if (!this.#queue.remove(waiter)) return;
      reject(error());
      // Whoever stood behind it may need less room.
      this.#admit();
    };
    const timer = setTimeout(giveUp(() => this.#full(`none became free within ${this.#limits.maxWaitMs / 1000} s`)), this.#limits.maxWaitMs);
    const abort = giveUp(() => cancelled('waiting for a sandbox', signal));
    signal.addEventListener('abort', abort, { once: true });
    this.#queue.push(owner, waiter);
    if (this.isShort) this.#shortage();
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    });
  }

  #admit(): void {
    for (let next = this.#queue.next; next !== undefined && this.#fits(next.memoryBytes); next = this.#queue.next) {
      this.#queue.shift();
      this.#estimate.turn(this.#clock.now());
      next.admit(this.#place(next.memoryBytes));
    }
    if (this.#queue.size === 0) this.#estimate.ended();
    if (this.isShort) this.#shortage();
  }

  #fits(memoryBytes: number): boolean {
    return this.#starting < this.#limits.starts && this.#hasRoom(memoryBytes);
  }

  #hasRoom(memoryBytes: number): boolean {
    return this.#live < this.#limits.sandboxes && this.#memoryBytes + memoryBytes <= this.#limits.memoryBytes;
  }

  #place(memoryBytes: number): Place {
    this.#live += 1;
    this.#starting += 1;
    this.#memoryBytes += memoryBytes;
    let [starting, live] = [true, true];
    const started = (): void => {
      if (starting) this.#starting -= 1;
      starting = false;
      this.#admit();
    };
    return {
      started,
      leave: () => {
        if (!live) return;
        live = false;
        this.#live -= 1;
        this.#memoryBytes -= memoryBytes;
        started();
      },
    };
  }

  #full(why: string): GloveboxError {
    const retryAfterSeconds = this.#estimate.seconds(this.#queue.size, this.#clock.now());
    const held = `${this.#live} sandboxes live here and ${this.#queue.size} more are waited for (${why})`;
    return new GloveboxError('admission_full', `${held}: try again in ${retryAfterSeconds} s`, { details: { retryAfterSeconds } });
  }
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
