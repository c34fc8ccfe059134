import { setTimeout as delay } from 'node:timers/promises';
import { describeError, GloveboxError } from '../contracts/index.ts';
import type { SandboxNetwork } from '../contracts/index.ts';
import { cancelled, deadlineSignal, raceSignal } from './deadline.ts';
import { portsOf } from './network-ports.ts';
import { supersededError } from './state.ts';
import type { Attachment, SandboxState } from './state.ts';
import type { Connect, Transport } from './transport.ts';
import type { Frame } from './wire/frame-reader.ts';
import type { Hello, KnownCommand } from './wire/messages-from-guest.ts';
import { encodePreamble, encodeSlept } from './wire/messages-to-guest.ts';
import { Feature, ToGuest } from './wire/protocol.ts';
import { violation } from './wire/violation.ts';
import { Wire } from './wire/wire.ts';
import type { WireEnd } from './wire/wire.ts';

/** A runtime under load can take seconds to get init going; init itself answers within milliseconds. */
const FIRST_HELLO_MS = 20_000;
const HELLO_MS = 4000;
/** Waits before each attempt to attach again but the first. All of them together stay below the shortest grace time that makes sense. */
const RETRY_AFTER_MS = [20, 100, 300, 1000, 2000] as const;
/** When init has read noise, what is under way is given time to arrive before we attach again: a little more each time. */
const AFTER_NOISE_MS = [50, 200, 800, 2000] as const;
/** After so long without noise it counts from the start. */
const NOISE_FORGOTTEN_MS = 60_000;
const MAX_PING_MS = 5000;
const PINGS_UNANSWERED = 4;

/** Why there will be no other wire. */
export interface Loss {
  readonly why: 'gone' | 'violation' | 'superseded';
  readonly error: GloveboxError;
}

/** Who is told about the wire's coming and going. */
export interface LinkListener {
  /** A wire is up. Called before anything of a stream can arrive. */
  attached(wire: Wire, known: readonly KnownCommand[]): void;
  /** See `WireListener.network`. */
  network(frame: Frame): void;
  /** The wire is down; the link is trying to get another. */
  detached(): void;
  /** There will be no other wire. Once. */
  lost(loss: Loss): void;
}

export interface LinkOptions {
  readonly state: SandboxState;
  readonly connect: Connect;
  readonly graceMs: number;
  readonly writable: readonly string[];
  readonly network: SandboxNetwork | undefined;
  /** Bits of `Feature` that a hello must have. */
  readonly requires: number;
  readonly listener: LinkListener;
}

/** Keeps a wire to one sandbox: attaches, and attaches again with a higher epoch when the transport breaks while the sandbox lives. */
export class Link {
  readonly #options: LinkOptions;
  readonly #closing = new AbortController();
  #wire: Wire | undefined;
  #resting = false;
  #noises = 0;
  #noiseAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The wire, while there is one. */
  get wire(): Wire | undefined {
    return this.#wire;
  }

  /** The first attach of this process. Errors: `sandbox_start_failed`, `wire_violation`, `cancelled`, and what `connect` throws. */
  async open(signal?: AbortSignal): Promise<void> {
    try {
      await this.#attach(FIRST_HELLO_MS, signal);
    } catch (error) {
      if (signal?.aborted === true) throw cancelled('opening the sandbox', signal);
      if (error instanceof GloveboxError) throw error;
      throw new GloveboxError('sandbox_start_failed', `the sandbox did not start: ${describeError(error)}`, { cause: error });
    }
  }

  /** Tells init to end; whether it hears is for the driver to see. */
  shutdown(): void {
    this.#wire?.send(ToGuest.shutdown, 0, Buffer.alloc(0));
  }

  /** Waits for no sign of life until `wake`: the sandbox is about to be frozen, and until it is its init must hear from us. */
  rest(): void {
    this.#resting = true;
    this.#wire?.rest();
  }

  /** It is frozen. */
  fallSilent(): void {
    this.#wire?.fallSilent();
  }

  /** Leaves word for init of how long it was frozen, before it is woken: it reads first, and then looks at the time. */
  tellSlept(milliseconds: number): void {
    this.#wire?.send(ToGuest.slept, 0, encodeSlept(milliseconds));
  }

  /** The sandbox runs again. A wire that broke meanwhile is made anew. */
  wake(): void {
    if (!this.#resting) return;
    this.#resting = false;
    if (this.#wire !== undefined) this.#wire.wake();
    else if (!this.#closing.signal.aborted) void this.#reattach(0);
  }

  /** Lets go for good; nobody is told. Idempotent. */
  close(): void {
    this.#closing.abort(new GloveboxError('sandbox_lost', 'the sandbox was destroyed'));
    this.#wire?.close('the sandbox was destroyed');
  }

  async #attach(helloMs: number, signal?: AbortSignal): Promise<void> {
    const stop = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    const attachment = this.#options.state.attach();
    // The driver has deadlines of its own; init's time runs from here.
    const transport = await this.#options.connect(stop);
    const deadline = deadlineSignal(helloMs, stop);
    let wire: Wire | undefined;
    try {
      const greeting = Promise.withResolvers<void>();
      wire = this.#openWire(transport, attachment, greeting);
      await raceSignal(greeting.promise, deadline);
    } catch (error) {
      wire?.close('the attach failed');
      transport.close();
      if (!deadline.aborted || stop.aborted) throw error;
      throw new GloveboxError('sandbox_start_failed', `the sandbox's init did not say hello within ${helloMs / 1000} s`, { cause: error });
    }
  }

  #openWire(transport: Transport, attachment: Attachment, greeting: PromiseWithResolvers<void>): Wire {
    const { state, graceMs, writable, network, listener } = this.#options;
    const wire: Wire = new Wire({
      transport,
      keys: state.keys,
      epoch: attachment.epoch,
      preamble: attachment.first ? encodePreamble(state.keys, graceMs, writable, network && portsOf(network)) : undefined,
      pingEveryMs: Math.min(graceMs / 4, MAX_PING_MS),
      pingsUnanswered: PINGS_UNANSWERED,
      listener: {
        ready: (hello, known) => {
          const lack = this.#lackOf(hello);
          if (lack !== undefined) {
            greeting.reject(new GloveboxError('sandbox_start_failed', lack));
            return;
          }
          this.#wire = wire;
          listener.attached(wire, known);
          greeting.resolve();
        },
        network: (frame) => listener.network(frame),
        closed: (end) => {
          if (this.#wire === wire) this.#down(end);
          else greeting.reject(endError(end));
        },
      },
    });
    return wire;
  }

  #lackOf({ features }: Hello): string | undefined {
    const missing = this.#options.requires & ~features;
    if (missing !== 0) return `the sandbox lacks what its kind promises (features ${missing} of the hello)`;
    const { network } = this.#options;
    if (network === undefined || (features & Feature.network) !== 0) return undefined;
    return `the sandbox's init cannot listen on the ports of its network (${portsOf(network).join(', ')})`;
  }

  #down(end: WireEnd): void {
    this.#wire = undefined;
    if (this.#closing.signal.aborted) return;
    const { listener } = this.#options;
    listener.detached();
    const waitMs = this.#waitBefore(end);
    if (waitMs === undefined) listener.lost(lossOf(endError(end)));
    // What is frozen answers nobody.
    else if (!this.#resting) void this.#reattach(waitMs);
  }

  /** How long, until there is sense in another attempt; undefined where there is none. */
  #waitBefore(end: WireEnd): number | undefined {
    if (end.why === 'broken') return 0;
    if (end.why !== 'noise') return undefined;
    const now = performance.now();
    if (now - this.#noiseAtMs > NOISE_FORGOTTEN_MS) this.#noises = 0;
    this.#noiseAtMs = now;
    this.#noises += 1;
    return AFTER_NOISE_MS[this.#noises - 1];
  }

  /** Never rejects: giving up is an answer. */
  async #reattach(firstMs: number): Promise<void> {
    let last: unknown;
    for (const wait of [firstMs, ...RETRY_AFTER_MS]) {
      if (this.#closing.signal.aborted) return;
      try {
        if (wait > 0) await delay(wait, undefined, { signal: this.#closing.signal, ref: false });
        await this.#attach(HELLO_MS);
        return;
      } catch (error) {
        last = error;
        if (isFinal(error)) break;
      }
    }
    if (!this.#closing.signal.aborted) this.#options.listener.lost(lossOf(last));
  }
}

/** Errors after which no other attempt can end otherwise. */
function isFinal(error: unknown): boolean {
  return error instanceof GloveboxError && (error.code === 'sandbox_lost' || error.code === 'wire_violation' || error.code === 'not_found');
}

function lossOf(error: unknown): Loss {
  if (!(error instanceof GloveboxError)) {
    return { why: 'gone', error: new GloveboxError('sandbox_lost', `the sandbox cannot be reached any more: ${describeError(error)}`, { cause: error }) };
  }
  if (error.details['superseded'] === true) return { why: 'superseded', error };
  return { why: error.code === 'wire_violation' ? 'violation' : 'gone', error };
}

function endError(end: WireEnd): GloveboxError {
  switch (end.why) {
    case 'broken':
      return new GloveboxError('sandbox_start_failed', `the sandbox went away before it said hello: ${end.detail}`);
    case 'noise':
      return violation('conduct', end.detail);
    case 'violation':
      return end.error;
    case 'superseded':
      return supersededError();
  }
}
