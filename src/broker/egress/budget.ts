import { Transform } from 'node:stream';
import type { Clock, EgressLimits } from '../../contracts/index.ts';
import { EgressRefusal } from './refusal.ts';

/** What a session may still send and get. Every method that counts throws `EgressRefusal` with `limit` where there is nothing left. */
export class Budget {
  readonly #limits: EgressLimits;
  readonly #clock: Clock;
  #requests = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  #connections = 0;
  /** Requests that may come at once; it fills again with time. */
  #tokens: number;
  #filledMs: number;

  constructor(limits: EgressLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#tokens = limits.requestsPerSecond;
    this.#filledMs = clock.now();
  }

  enter(): void {
    if (this.#connections >= this.#limits.connections) throw beyond(`${this.#limits.connections} connections at once`);
    this.#connections += 1;
  }

  leave(): void {
    this.#connections -= 1;
  }

  request(): void {
    if (this.#requests >= this.#limits.requests) throw beyond(`${this.#limits.requests} requests`);
    this.handshake();
    this.#requests += 1;
  }

  /** Costs time as a request does, and is none. */
  handshake(): void {
    const now = this.#clock.now();
    const { requestsPerSecond } = this.#limits;
    this.#tokens = Math.min(requestsPerSecond, this.#tokens + (Math.max(0, now - this.#filledMs) * requestsPerSecond) / 1_000);
    this.#filledMs = now;
    if (this.#tokens < 1) throw beyond(`${requestsPerSecond} requests a second`);
    this.#tokens -= 1;
  }

  send(bytes: number): void {
    this.#sentBytes += bytes;
    if (this.#sentBytes > this.#limits.uploadBytes) throw beyond(`${this.#limits.uploadBytes} bytes to send`);
  }

  receive(bytes: number): void {
    this.#receivedBytes += bytes;
    if (this.#receivedBytes > this.#limits.downloadBytes) throw beyond(`${this.#limits.downloadBytes} bytes to get`);
  }
}

/** Counts what goes through it, and fails where counting does. */
export function counted(count: (bytes: number) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        count(chunk.length);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

function beyond(what: string): EgressRefusal {
  return new EgressRefusal('limit', `the session's limit is ${what}`);
}
