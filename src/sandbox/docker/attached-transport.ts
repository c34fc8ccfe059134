import { pipeline, Transform } from 'node:stream';
import type { Duplex, TransformCallback } from 'node:stream';
import type { Transport } from '../transport.ts';

const HEADER_BYTES = 8;
const STDOUT = 1;

/** The hijacked connection of an attach as a transport. What init says on stderr is nobody's business: it is thrown away. */
export function attachedTransport(connection: NodeJS.ReadWriteStream): Transport {
  // What the engine's client hands out for a hijacked connection is the socket itself.
  const socket = connection as Duplex;
  const output = new StdoutOnly();
  pipeline(socket, output, () => undefined);
  // The error of either is the transport's end, and is heard by whoever uses it; until somebody does, it must not bring us down.
  for (const stream of [socket, output]) stream.on('error', () => undefined);
  return { output, input: socket, close: () => void socket.destroy() };
}

/**
 * Takes the engine's multiplexing away: a header of eight bytes (stream, three zeros, length as big-endian u32) before each piece. Nothing
 * is held back for a piece to be whole, because the wire has frames of its own.
 */
class StdoutOnly extends Transform {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;
  #left = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (let at = 0; at < chunk.length; ) at += this.#left === 0 ? this.#takeHeader(chunk, at) : this.#takePiece(chunk, at);
    done();
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const count = Math.min(HEADER_BYTES - this.#headerFilled, chunk.length - at);
    chunk.copy(this.#header, this.#headerFilled, at, at + count);
    this.#headerFilled += count;
    if (this.#headerFilled === HEADER_BYTES) {
      this.#headerFilled = 0;
      this.#left = this.#header.readUInt32BE(4);
    }
    return count;
  }

  #takePiece(chunk: Buffer, at: number): number {
    const count = Math.min(this.#left, chunk.length - at);
    if (this.#header[0] === STDOUT) this.push(chunk.subarray(at, at + count));
    this.#left -= count;
    return count;
  }
}
