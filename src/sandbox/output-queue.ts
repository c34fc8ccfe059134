import { GloveboxError } from '../contracts/index.ts';
import type { OutputChunk } from '../contracts/index.ts';
import type { Channel } from './wire/messages-from-guest.ts';
import { violation } from './wire/violation.ts';

/** Credit is given back in pieces of this share of the window, so that a short command costs no ACK at all. */
const ACK_SHARE = 1 / 4;
/** A chunk smaller than this is put together with the next of its channel. */
const DUST_BYTES = 4096;
/** With more chunks than this waiting, dust is put together even where the order of the two channels is lost: a byte must not cost us a hundred. */
const MANY_CHUNKS = 1024;

interface Position {
  /** The next offset that is due. */
  received: number;
  /** Up to here the reader has it in hand. Asked for more, he is done with it: it is consumed. */
  handed: number;
  consumed: number;
  acknowledged: number;
  /** After RESUME the first OUTPUT may be further on: what lies between is lost. */
  mayJump: boolean;
}

/**
 * A command's output between the wire and its one reader. Holds at most a window of each channel: reading is what gives credit, and what the reader
 * has in hand is acknowledged only when he asks for more. So a reader who dies in the middle of it leaves it to whoever adopts the sandbox.
 */
export class OutputQueue implements AsyncIterable<OutputChunk>, AsyncIterator<OutputChunk, undefined> {
  readonly #windowBytes: number;
  readonly #acknowledge: (channel: Channel, offset: number) => void;
  readonly #positions: Readonly<Record<Channel, Position>> = { stdout: newPosition(), stderr: newPosition() };
  #tails: Partial<Record<Channel, Waiting>> = {};
  #chunks: Waiting[] = [];
  #head = 0;
  #waiter: ((result: IteratorResult<OutputChunk, undefined>) => void) | undefined;
  #ended = false;
  #taken = false;
  #abandoned = false;
  #lostBytes = 0;

  constructor(windowBytes: number, acknowledge: (channel: Channel, offset: number) => void) {
    this.#windowBytes = windowBytes;
    this.#acknowledge = acknowledge;
  }

  /** Bytes that were written while nobody could be told. */
  get lostBytes(): number {
    return this.#lostBytes;
  }

  /** What came so far, read or not. */
  received(channel: Channel): number {
    return this.#positions[channel].received;
  }

  /**
   * A new attachment: from where init is to send on. That is what the reader is done with, because asking for bytes acknowledges all before them:
   * what waits here unread is dropped and comes again, so that nothing but a window can ever wait here, and what is in his hand comes again, too,
   * and is dropped then.
   */
  resume(): Readonly<Record<Channel, number>> {
    this.#drop();
    for (const position of Object.values(this.#positions)) {
      position.received = position.consumed;
      position.acknowledged = position.consumed;
      position.mayJump = true;
    }
    return { stdout: this.#positions.stdout.consumed, stderr: this.#positions.stderr.consumed };
  }

  /** Errors: `wire_violation` for bytes that are not due or beyond the credit. */
  push(channel: Channel, offset: number, bytes: Buffer): void {
    const position = this.#positions[channel];
    if (offset !== position.received) {
      if (!position.mayJump || offset < position.received) throw violation('conduct', `output at ${offset} where ${position.received} was due`);
      this.#jump(position, offset);
    }
    position.mayJump = false;
    if (offset + bytes.length - position.acknowledged > this.#windowBytes) throw violation('conduct', 'output beyond the window');
    position.received += bytes.length;
    if (this.#abandoned) this.#consume(channel, position.received);
    else this.#take(channel, Math.max(offset, position.handed), bytes.subarray(Math.max(0, position.handed - offset)));
  }

  /** Everything that will come has come. Errors: `wire_violation` when the totals do not fit what was received. */
  finish(totals: Readonly<Record<Channel, number>>): void {
    for (const channel of ['stdout', 'stderr'] as const) {
      const position = this.#positions[channel];
      if (totals[channel] === position.received) continue;
      if (!position.mayJump || totals[channel] < position.received) throw violation('conduct', `an END after ${totals[channel]} bytes where ${position.received} came`);
      this.#jump(position, totals[channel]);
    }
    this.close();
  }

  /** No more will come, whatever is missing. Idempotent. */
  close(): void {
    this.#ended = true;
    this.#waiter?.({ done: true, value: undefined });
    this.#waiter = undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<OutputChunk, undefined> {
    if (this.#taken) throw new GloveboxError('internal', 'a command’s output can be read only once');
    this.#taken = true;
    return this;
  }

  next(): Promise<IteratorResult<OutputChunk, undefined>> {
    for (const channel of ['stdout', 'stderr'] as const) this.#consume(channel, this.#positions[channel].handed);
    const chunk = this.#shift();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: this.#handed(chunk) });
    if (this.#ended || this.#abandoned) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  /** The reader wants no more. The command is not stopped by it: what it still writes is thrown away. */
  return(): Promise<IteratorResult<OutputChunk, undefined>> {
    this.#abandoned = true;
    this.#drop();
    for (const channel of ['stdout', 'stderr'] as const) this.#consume(channel, this.#positions[channel].received);
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(channel: Channel, offset: number, bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#waiter === undefined) return this.#keep(channel, offset, bytes);
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter({ done: false, value: this.#handed(new Waiting(channel, offset, Buffer.from(bytes))) });
  }

  #handed(chunk: Waiting): Waiting {
    this.#positions[chunk.channel].handed = chunk.offset + chunk.bytes.length;
    return chunk;
  }

  #keep(channel: Channel, offset: number, bytes: Buffer): void {
    const tail = this.#tails[channel];
    const waiting = this.#chunks.length - this.#head;
    if (tail?.isBefore(offset) === true && tail.bytes.length < DUST_BYTES && waiting > 0) {
      if (this.#chunks.at(-1) === tail || (waiting > MANY_CHUNKS && tail.queued)) {
        tail.append(bytes);
        return;
      }
    }
    const chunk = new Waiting(channel, offset, Buffer.from(bytes));
    this.#tails[channel] = chunk;
    this.#chunks.push(chunk);
  }

  #drop(): void {
    this.#chunks = [];
    this.#tails = {};
    this.#head = 0;
  }

  #shift(): Waiting | undefined {
    const chunk = this.#chunks[this.#head];
    if (chunk === undefined) return undefined;
    chunk.queued = false;
    this.#head += 1;
    // Taking from the front of a long array moves all of it: what was read is cut off now and then.
    if (this.#head === this.#chunks.length || this.#head > MANY_CHUNKS) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
    return chunk;
  }

  #consume(channel: Channel, offset: number): void {
    const position = this.#positions[channel];
    position.consumed = Math.max(position.consumed, offset);
    if (position.consumed - position.acknowledged < this.#windowBytes * ACK_SHARE || this.#ended) return;
    position.acknowledged = position.consumed;
    this.#acknowledge(channel, position.consumed);
  }

  #jump(position: Position, offset: number): void {
    this.#lostBytes += Math.max(0, offset - Math.max(position.received, position.handed));
    position.received = offset;
    for (const each of ['acknowledged', 'consumed', 'handed'] as const) position[each] = Math.max(position[each], offset);
  }
}

/** A chunk that may still grow. */
class Waiting implements OutputChunk {
  readonly channel: Channel;
  readonly offset: number;
  bytes: Buffer;
  queued = true;

  constructor(channel: Channel, offset: number, bytes: Buffer) {
    this.channel = channel;
    this.offset = offset;
    this.bytes = bytes;
  }

  isBefore(offset: number): boolean {
    return this.offset + this.bytes.length === offset;
  }

  append(bytes: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
  }
}

function newPosition(): Position {
  return { received: 0, handed: 0, consumed: 0, acknowledged: 0, mayJump: false };
}
