import type { SandboxConnection, SandboxNetwork } from '../contracts/index.ts';
import { GuestConnection } from './guest-connection.ts';
import type { Frame } from './wire/frame-reader.ts';
import { decodeOpen } from './wire/messages-from-guest.ts';
import { FromGuest, MAX_CONNECTIONS } from './wire/protocol.ts';
import { violation } from './wire/violation.ts';
import type { Wire } from './wire/wire.ts';

/** What a program may send before we read, and so the memory that it may cost us: a whole window where few connections are open, a small one each where many are. */
const WINDOW_BYTES = 262_144;
const WINDOW_OF_MANY_BYTES = 32_768;
const FEW = 32;

/** The connections of a sandbox's programs. They live on the wire on which they were opened and end with it. */
export class Connections {
  readonly #network: SandboxNetwork | undefined;
  /** Until both ends have said their last word. */
  readonly #open = new Map<number, GuestConnection>();
  #accept: ((connection: SandboxConnection) => void) | undefined;
  #wire: Wire | undefined;
  #lastStream = 0;

  constructor(network: SandboxNetwork | undefined) {
    this.#network = network;
  }

  serve(accept: (connection: SandboxConnection) => void): void {
    this.#accept = accept;
  }

  /** A new wire, on which init numbers them anew. */
  attach(wire: Wire): void {
    this.detach();
    this.#wire = wire;
    this.#lastStream = 0;
  }

  /** The wire is gone, and they with it. */
  detach(): void {
    this.#wire = undefined;
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const connection of open) connection.reset();
  }

  /** Errors: `wire_violation`. */
  receive(frame: Frame): void {
    if (frame.type === FromGuest.open) {
      this.#opened(frame);
      return;
    }
    const connection = this.#open.get(frame.stream);
    if (connection === undefined) throw violation('conduct', `a frame of type ${frame.type} on connection ${frame.stream}, which is not open`);
    connection.receive(frame);
  }

  #opened(frame: Frame): void {
    const { credit, ...dialled } = decodeOpen(frame);
    if (this.#network === undefined || this.#wire === undefined) throw violation('conduct', 'a connection in a sandbox without a network');
    if (frame.stream !== this.#lastStream + 1) throw violation('conduct', `connection ${frame.stream} after ${this.#lastStream}`);
    if (this.#open.size === MAX_CONNECTIONS) throw violation('conduct', `more than ${MAX_CONNECTIONS} connections at once`);
    this.#lastStream = frame.stream;
    const stream = new GuestConnection({
      wire: this.#wire,
      stream: frame.stream,
      credit,
      windowBytes: this.#open.size < FEW ? WINDOW_BYTES : WINDOW_OF_MANY_BYTES,
      over: () => this.#open.delete(frame.stream),
    });
    this.#open.set(frame.stream, stream);
    if (this.#accept === undefined) stream.destroy();
    else this.#accept({ ...dialled, stream });
  }
}
