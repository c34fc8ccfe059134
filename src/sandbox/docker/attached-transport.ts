import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import type { Transport } from '../transport.ts';

const HEADER_BYTES = 8;
const STDOUT = 1;

/** The hijacked connection of an attach as a transport. What init says on stderr is nobody's business: it is thrown away. */
export function attachedTransport(connection: NodeJS.ReadWriteStream): Transport {
  // What the engine's client hands out for a hijacked connection is the socket itself.
  const socket = connection as Duplex;
  const output = new StdoutOnly(socket);
  // The socket's error is its own, too, and the transport's end: it is heard by whoever uses it, and until somebody does it must not bring us down.
  output.on('error', () => undefined);
  return { output, input: socket, close: () => void socket.destroy() };
}

/**
 * Takes the engine's multiplexing away: a header of eight bytes (stream, three zeros, length as big-endian u32) before each piece. Nothing
 * is held back for a piece to be whole, because the wire has frames of its own. A Readable and no Transform: each word of init comes through here, and the
 * writable half and a pipe cost as much as all that the wire does with it.
 */
class StdoutOnly extends Readable {
  readonly #socket: Duplex;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;
  #left = 0;

  constructor(socket: Duplex) {
    super();
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    // What came before its end may still have to be read.
    socket.on('close', () => void (socket.readableEnded || this.destroy()));
    socket.pause();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += this.#left === 0 ? this.#takeHeader(bytes, at) : this.#takePiece(bytes, at);
  }

  #takeHeader(bytes: Buffer, at: number): number {
    const count = Math.min(HEADER_BYTES - this.#headerFilled, bytes.length - at);
    bytes.copy(this.#header, this.#headerFilled, at, at + count);
    this.#headerFilled += count;
    if (this.#headerFilled === HEADER_BYTES) {
      this.#headerFilled = 0;
      this.#left = this.#header.readUInt32BE(4);
    }
    return count;
  }

  #takePiece(bytes: Buffer, at: number): number {
    const count = Math.min(this.#left, bytes.length - at);
    if (this.#header[0] === STDOUT && !this.push(bytes.subarray(at, at + count))) this.#socket.pause();
    this.#left -= count;
    return count;
  }
}
