import { GloveboxError } from '../contracts/index.ts';
import type { OutputChunk, OutputOffsets } from '../contracts/index.ts';
import { HeldChunk } from './held-chunk.ts';
import type { Channel } from './wire/messages-from-guest.ts';
import { violation } from './wire/violation.ts';

/** Credit is given back in pieces of this share of the window, so that a short command costs no ACK at all. */
const ACK_SHARE = 1 / 4;
/** With more chunks than this waiting, dust is put together even where the order of the two channels is lost: a byte must not cost us a hundred. */
const MANY_CHUNKS = 1024;

interface Position {
  /** The next offset that is due. */
  received: number;
  /** The most that ever was received: after a new attachment some of it comes again. */
  known: number;
  /** Where what is held here begins: with everything before the reader is done, and it is not kept for another. */
  released: number;
  acknowledged: number;
  /** What the reader has not had yet begins here. */
  unread: number;
  /** After RESUME the first OUTPUT may be further on: what lies between is lost. */
  mayJump: boolean;
}

type Reader = AsyncIterator<OutputChunk, undefined>;
type Waiter = (result: IteratorResult<OutputChunk, undefined>) => void;

export interface OutputKeeping {
  /** Of what was read, so much at most is kept for a reader who comes again, here and in init; and what nobody reads waits. 0: it is thrown away. At most half a window. */
  readonly keepBytes?: number;
  /** Where the output begins for us; 0 by default. */
  readonly from?: OutputOffsets;
}

/**
 * A command's output between the wire and its reader. Holds at most a window of each channel: reading is what gives credit, and what the reader has in
 * hand is acknowledged only when he asks for more. So a reader who dies in the middle of it leaves it to whoever adopts the sandbox.
 */
export class OutputQueue implements AsyncIterable<OutputChunk> {
  readonly #windowBytes: number;
  readonly #keepBytes: number;
  readonly #acknowledge: (channel: Channel, offset: number) => void;
  readonly #positions: Readonly<Record<Channel, Position>>;
  #tails: Partial<Record<Channel, HeldChunk>> = {};
  #keptTails: Partial<Record<Channel, HeldChunk>> = {};
  /** From `#head` on: what was read and is kept; from `#cursor` on: what is still to be read. */
  #chunks: HeldChunk[] = [];
  #head = 0;
  #cursor = 0;
  #keptBytes = 0;
  #reader: Reader | undefined;
  #waiter: Waiter | undefined;
  #ended = false;
  #taken = false;
  #abandoned = false;
  #lostBytes = 0;

  constructor(windowBytes: number, acknowledge: (channel: Channel, offset: number) => void, { keepBytes = 0, from = {} }: OutputKeeping = {}) {
    this.#windowBytes = windowBytes;
    this.#keepBytes = keepBytes;
    this.#acknowledge = acknowledge;
    this.#positions = { stdout: newPosition(from.stdout ?? 0), stderr: newPosition(from.stderr ?? 0) };
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
   * A new attachment: from where init is to send on. That is where what is held here begins, because asking for bytes acknowledges all before
   * them: all of it is dropped and comes again, so that nothing but a window can ever be held here.
   */
  resume(): Readonly<Record<Channel, number>> {
    this.#drop();
    for (const position of Object.values(this.#positions)) {
      position.received = position.released;
      position.acknowledged = position.released;
      position.mayJump = true;
    }
    return { stdout: this.#positions.stdout.released, stderr: this.#positions.stderr.released };
  }

  /** Bytes that are not `lasting` are copied. Errors: `wire_violation` for bytes that are not due or beyond the credit. */
  push(channel: Channel, offset: number, bytes: Buffer, lasting = false): void {
    const position = this.#positions[channel];
    if (offset !== position.received) {
      if (!position.mayJump || offset < position.received) throw violation('conduct', `output at ${offset} where ${position.received} was due`);
      this.#jump(position, offset);
    }
    position.mayJump = false;
    if (offset + bytes.length - position.acknowledged > this.#windowBytes) throw violation('conduct', 'output beyond the window');
    position.received += bytes.length;
    position.known = Math.max(position.known, position.received);
    if (this.#abandoned) {
      this.#release(channel, position.received);
      return;
    }
    this.#hold(channel, offset, bytes, lasting);
    const value = this.#waiter === undefined ? undefined : this.#take();
    if (value !== undefined) this.#answer({ done: false, value });
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
    this.#answer({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): Reader {
    if (this.#taken) throw new GloveboxError('internal', 'a command’s output can be read only once; outputFrom reads again');
    return this.#open();
  }

  /** A reader of what is held here from these offsets on, and of what comes. The reader before it is at its end. */
  readFrom(offsets: OutputOffsets): AsyncIterable<OutputChunk> {
    const reader = this.#open();
    this.#abandoned = false;
    this.#cursor = this.#head;
    this.#keptBytes = 0;
    this.#keptTails = {};
    for (const channel of ['stdout', 'stderr'] as const) this.#positions[channel].unread = offsets[channel] ?? 0;
    return { [Symbol.asyncIterator]: () => reader };
  }

  #open(): Reader {
    this.#answer({ done: true, value: undefined });
    this.#taken = true;
    const reader: Reader = { next: () => this.#next(reader), return: () => this.#leave(reader) };
    this.#reader = reader;
    return reader;
  }

  #next(reader: Reader): Promise<IteratorResult<OutputChunk, undefined>> {
    if (reader !== this.#reader) return Promise.resolve({ done: true, value: undefined });
    this.#trim();
    const value = this.#take();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  /** The reader wants no more. The command is not stopped by it: what it still writes waits for another reader, or is thrown away. */
  #leave(reader: Reader): Promise<IteratorResult<OutputChunk, undefined>> {
    if (reader === this.#reader) {
      this.#reader = undefined;
      if (this.#keepBytes === 0) this.#abandon();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  #abandon(): void {
    this.#abandoned = true;
    this.#drop();
    for (const channel of ['stdout', 'stderr'] as const) this.#release(channel, this.#positions[channel].received);
  }

  #answer(result: IteratorResult<OutputChunk, undefined>): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.(result);
  }

  /** The next piece that the reader has not had. */
  #take(): OutputChunk | undefined {
    for (let chunk = this.#advance(); chunk !== undefined; chunk = this.#advance()) {
      const { channel, offset, bytes } = chunk;
      const end = offset + bytes.length;
      const from = this.#positions[channel].unread;
      if (end <= from) {
        // It came again, or was not asked for.
        this.#trim();
        continue;
      }
      this.#positions[channel].unread = end;
      return offset >= from ? { channel, offset, bytes } : { channel, offset: from, bytes: bytes.subarray(from - offset) };
    }
    return undefined;
  }

  #advance(): OutputChunk | undefined {
    const chunk = this.#chunks[this.#cursor];
    if (chunk === undefined) return undefined;
    // As it is now: what is kept may grow.
    const read = { channel: chunk.channel, offset: chunk.offset, bytes: chunk.bytes };
    chunk.isUnread = false;
    this.#keptBytes += chunk.bytes.length;
    const kept = this.#keptTails[chunk.channel];
    const isNext = this.#chunks[this.#cursor - 1] === kept || this.#cursor - this.#head > MANY_CHUNKS;
    if (kept?.takes(chunk.offset) === true && kept.isHeld && isNext) {
      kept.append(chunk.bytes);
      this.#chunks.splice(this.#cursor, 1);
    } else {
      this.#keptTails[chunk.channel] = chunk;
      this.#cursor += 1;
    }
    return read;
  }

  /** Lets go of what was read, but for what is kept. */
  #trim(): void {
    while (this.#keptBytes > this.#keepBytes) {
      const first = this.#chunks[this.#head];
      if (first === undefined || this.#head === this.#cursor) break;
      first.isHeld = false;
      this.#head += 1;
      this.#keptBytes -= first.bytes.length;
      this.#release(first.channel, first.end);
    }
    // Taking from the front of a long array moves all of it: what is released is cut off now and then.
    if (this.#head < this.#chunks.length && this.#head <= MANY_CHUNKS) return;
    this.#chunks = this.#chunks.slice(this.#head);
    this.#cursor -= this.#head;
    this.#head = 0;
  }

  #hold(channel: Channel, offset: number, bytes: Buffer, lasting: boolean): void {
    const tail = this.#tails[channel];
    const unread = this.#chunks.length - this.#cursor;
    if (tail?.takes(offset) === true && tail.isUnread && (this.#chunks.at(-1) === tail || unread > MANY_CHUNKS)) {
      tail.append(bytes);
      return;
    }
    const chunk = new HeldChunk(channel, offset, lasting ? bytes : Buffer.from(bytes));
    this.#tails[channel] = chunk;
    this.#chunks.push(chunk);
  }

  #drop(): void {
    this.#chunks = [];
    this.#tails = {};
    this.#keptTails = {};
    this.#head = 0;
    this.#cursor = 0;
    this.#keptBytes = 0;
  }

  #release(channel: Channel, offset: number): void {
    const position = this.#positions[channel];
    position.released = Math.max(position.released, offset);
    if (position.released - position.acknowledged < this.#windowBytes * ACK_SHARE || this.#ended) return;
    position.acknowledged = position.released;
    this.#acknowledge(channel, position.released);
  }

  #jump(position: Position, offset: number): void {
    this.#lostBytes += Math.max(0, offset - position.known);
    position.received = offset;
    for (const each of ['known', 'released', 'acknowledged'] as const) position[each] = Math.max(position[each], offset);
  }
}

function newPosition(from: number): Position {
  return { received: from, known: from, released: from, acknowledged: from, unread: 0, mayJump: false };
}
