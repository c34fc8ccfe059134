import type { OutputChunk } from '../contracts/index.ts';

/** A chunk smaller than this is put together with the next of its channel. */
const DUST_BYTES = 4096;

/** A piece of output that waits for its reader, or for another; it may still grow. */
export class HeldChunk {
  readonly channel: OutputChunk['channel'];
  readonly offset: number;
  bytes: Buffer;
  isUnread = true;
  isHeld = true;

  constructor(channel: OutputChunk['channel'], offset: number, bytes: Buffer) {
    this.channel = channel;
    this.offset = offset;
    this.bytes = bytes;
  }

  get end(): number {
    return this.offset + this.bytes.length;
  }

  /** Whether what begins there is better put to it than held apart. */
  takes(offset: number): boolean {
    return this.end === offset && this.bytes.length < DUST_BYTES;
  }

  append(bytes: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
  }
}
