import { Transform } from 'node:stream';
import type { Canaries } from './canaries.ts';
import type { CanarySight } from './canary-sight.ts';

// RFC 6455, section 5.2.
const RESERVED = 0x70;
const CONTROL = 0x08;
const MASKED = 0x80;
const LENGTH = 0x7f;
const [LENGTH_16, LENGTH_64] = [126, 127];
const KEY_BYTES = 4;

/** What the head of a frame says; undefined where it has not come whole. */
function readHead(bytes: Buffer): { readonly bytes: number; readonly isControl: boolean; readonly isReserved: boolean; readonly key: Buffer; readonly length: bigint } | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const short = second & LENGTH;
  const keyAt = 2 + (short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0);
  const size = keyAt + ((second & MASKED) === 0 ? 0 : KEY_BYTES);
  if (bytes.length < size) return undefined;
  const length = short === LENGTH_16 ? BigInt(bytes.readUInt16BE(2)) : short === LENGTH_64 ? bytes.readBigUInt64BE(2) : BigInt(short);
  return { bytes: size, isControl: (first & CONTROL) !== 0, isReserved: (first & RESERVED) !== 0, key: bytes.subarray(keyAt, size), length };
}

interface Kind {
  readonly sight: CanarySight;
  /** Where each character stands that it holds. */
  heldAt: number[];
}

interface Frame {
  readonly kind: Kind;
  readonly key: Buffer;
  left: bigint;
  /** Of its payload. */
  at: number;
}

export interface WebSocketGuardOptions {
  readonly canaries: Canaries;
  /** What ends the frames with a canary in them, and those that are compressed or the like: nobody could look into them. */
  readonly found: (canary: string) => Error;
  readonly unclear: () => Error;
}

/** The frames of a program, looked through for canaries without their masks, and across frames and messages. They pass as they came. */
export class WebSocketGuard extends Transform {
  readonly #options: WebSocketGuardOptions;
  /** What steers comes between the pieces of what is said. */
  readonly #control: Kind;
  readonly #said: Kind;
  /** Not passed yet, and up to where it was looked at. */
  #raw: Buffer = Buffer.alloc(0);
  #seen = 0;
  #frame: Frame | undefined;

  constructor(options: WebSocketGuardOptions) {
    super();
    this.#options = options;
    this.#control = { sight: options.canaries.sight(), heldAt: [] };
    this.#said = { sight: options.canaries.sight(), heldAt: [] };
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null, passed?: Buffer) => void): void {
    this.#raw = Buffer.concat([this.#raw, chunk]);
    try {
      while (this.#begin()) this.#look();
      done(null, this.#pass());
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: (error?: Error | null, rest?: Buffer) => void): void {
    done(null, this.#raw);
  }

  /** Whether there is a frame with something of it to look at, or one that is over as it begins. */
  #begin(): boolean {
    if (this.#frame !== undefined) return this.#seen < this.#raw.length;
    const head = readHead(this.#raw.subarray(this.#seen));
    if (head === undefined) return false;
    if (head.isReserved) throw this.#options.unclear();
    this.#seen += head.bytes;
    this.#frame = { kind: head.isControl ? this.#control : this.#said, key: head.key, left: head.length, at: 0 };
    return true;
  }

  #look(): void {
    const frame = this.#frame;
    if (frame === undefined) return;
    const from = this.#seen;
    const there = this.#raw.length - from;
    const piece = this.#raw.subarray(from, from + (frame.left < there ? Number(frame.left) : there));
    const said = Buffer.from(piece);
    if (frame.key.length > 0) for (let i = 0; i < said.length; i++) said[i] = (said[i] ?? 0) ^ (frame.key[(frame.at + i) % KEY_BYTES] ?? 0);
    const { kind } = frame;
    const { canary, passed } = kind.sight.see(said.toString('latin1'));
    if (canary !== undefined) throw this.#options.found(canary);
    kind.heldAt = [...kind.heldAt, ...Array.from(said, (_, i) => from + i)].slice(passed.length);
    this.#seen += said.length;
    frame.at = (frame.at + said.length) % KEY_BYTES;
    frame.left -= BigInt(said.length);
    if (frame.left === 0n) this.#frame = undefined;
  }

  /** Up to the first character that is held. */
  #pass(): Buffer {
    const until = Math.min(this.#seen, ...[this.#control, this.#said].flatMap(({ heldAt: [first] }) => first ?? []));
    const passed = this.#raw.subarray(0, until);
    this.#raw = this.#raw.subarray(until);
    this.#seen -= until;
    for (const kind of [this.#control, this.#said]) kind.heldAt = kind.heldAt.map((at) => at - until);
    return passed;
  }
}
