import { randomBytes } from 'node:crypto';
import { describeError } from '../../contracts/index.ts';
import type { GloveboxError } from '../../contracts/index.ts';
import type { Transport } from '../transport.ts';
import { type BulkBuffer, BulkBuffers } from './bulk-buffers.ts';
import { FrameReader } from './frame-reader.ts';
import type { Frame } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { decodeCommand, decodeEnd, decodeFault, isNoise, decodeHello, decodeOutput, decodePong, decodeStdinAck } from './messages-from-guest.ts';
import type { Channel, GuestEnd, Hello, KnownCommand, Pong } from './messages-from-guest.ts';
import { encodePing } from './messages-to-guest.ts';
import { Feature, FromGuest, HEADER_BYTES, MAX_CHUNK_BYTES, MAX_STDIN_BYTES, NONCE_BYTES, STDIN_HEAD_BYTES, ToGuest } from './protocol.ts';
import { violation } from './violation.ts';

/** Who hears what init says of one stream. A method that throws has found a violation. */
export interface WireStream {
  started(): void;
  /** The bytes are a view: what is kept must be copied, unless they are `lasting`. */
  received(channel: Channel, offset: number, bytes: Buffer, lasting: boolean): void;
  stdinAck(offset: number, closed: boolean): void;
  finished(end: GuestEnd): void;
}

/** Why a wire came to its end. */
export type WireEnd =
  /** The transport broke; the sandbox may well live. */
  | { readonly why: 'broken'; readonly detail: string }
  /** Init has read what we did not write so: what an earlier host had under way may come in between. It believes nothing more until somebody attaches anew. */
  | { readonly why: 'noise'; readonly detail: string }
  /** The guest must be killed. */
  | { readonly why: 'violation'; readonly error: GloveboxError }
  /** Another host has attached with a higher epoch: the sandbox is no longer ours to touch. */
  | { readonly why: 'superseded' };

/** What the wire tells whoever opened it. */
export interface WireListener {
  /** Hello, every command that init knows, and ready: streams may be resumed and opened. */
  ready(hello: Hello, known: readonly KnownCommand[]): void;
  /** A frame of the sandbox's network; its stream is numbered by init. What is thrown is a violation. */
  network(frame: Frame): void;
  /** Once, and nothing after it. */
  closed(end: WireEnd): void;
}

/** Who has bulk data to send when there is room for it. */
export interface BulkSender {
  pump(): void;
}

/** The copy of a chunk that is under way; nobody changes it until it is released. */
export interface SentBulk {
  readonly bytes: Buffer;
  release(): void;
}

interface Queued {
  readonly frame: Buffer;
  readonly written: () => void;
}

export interface WireOptions {
  readonly transport: Transport;
  readonly keys: { readonly toGuest: Buffer; readonly fromGuest: Buffer };
  readonly epoch: number;
  /** Sent before anything else, on the first attach. */
  readonly preamble?: Buffer | undefined;
  readonly pingEveryMs: number;
  /** Without a frame for so many pings the wire is taken for broken. */
  readonly pingsUnanswered: number;
  readonly listener: WireListener;
}

/** From here on a frame is worth a place of its own in what is written. */
const LONG_BYTES = 8192;
/** So much waits for the transport at most. From half of it on there may be more: that is sealed while there is still something to write. */
const CONGESTED_BYTES = 524_288;
/** More than all commands together that init may be asked for at once. Bulk data waits before; what else is queued are answers to the guest, and one that asks and does not read them is no init of ours. */
const MOST_QUEUED_BYTES = 128 * 2 ** 20;

/**
 * One attached epoch. It frames, authenticates and dispatches; it knows nothing of commands. There is no promise and no timer for a single frame, and all
 * frames of one tick leave in one write.
 */
export class Wire {
  readonly #transport: Transport;
  readonly #listener: WireListener;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #streams = new Map<number, WireStream>();
  /** Who waits for which PONG. */
  readonly #pulses = new Map<number, PromiseWithResolvers<Pong>>();
  readonly #pingEveryMs: number;
  #pings: NodeJS.Timeout;
  readonly #pingsUnanswered: number;
  readonly #chunks = new BulkBuffers(STDIN_HEAD_BYTES + MAX_CHUNK_BYTES);
  readonly #drafts = new BulkBuffers(STDIN_HEAD_BYTES + MAX_STDIN_BYTES);
  /** Those for whom there was no room, in the order in which they asked. */
  readonly #waiting = new Set<BulkSender>();
  #outbox: Queued[] = [];
  #outboxBytes = 0;
  #hello: Hello | undefined;
  #known: KnownCommand[] = [];
  #ready = false;
  #closed = false;
  #flushing = false;
  #congested = false;
  #silentPings = 0;
  #resting = false;
  #token = 0;

  constructor(options: WireOptions) {
    this.#transport = options.transport;
    this.#listener = options.listener;
    this.#pingsUnanswered = options.pingsUnanswered;
    this.#writer = new FrameWriter(options.keys.toGuest, options.epoch);
    const nonce = randomBytes(NONCE_BYTES);
    this.#reader = new FrameReader({
      key: options.keys.fromGuest,
      epoch: options.epoch,
      nonce,
      onFrame: (frame) => this.#receive(frame),
      onSuperseded: () => this.#close({ why: 'superseded' }),
    });
    this.#listen();
    this.#pingEveryMs = options.pingEveryMs;
    this.#pings = this.#startPings();
    if (options.preamble !== undefined) this.#queue({ frame: options.preamble, written: this.#eased });
    this.send(ToGuest.attach, 0, nonce);
  }

  /** Whether bulk data may be sent now. Where the transport holds more than it wants, the sender's `pump` is called when it may: each in its turn, so that a flood stalls nobody else. */
  hasRoom(sender: BulkSender): boolean {
    if (this.#congested) this.#waiting.add(sender);
    return !this.#congested;
  }

  /** Hears a stream from now on; until then a frame of it is a violation. */
  listen(stream: number, listener: WireStream): void {
    this.#streams.set(stream, listener);
  }

  /** Queues a frame; it leaves with the others of this tick. Nothing happens once the wire is closed. */
  send(type: ToGuest, stream: number, payload: Buffer, flags = 0): void {
    if (!this.#closed) this.#queue({ frame: this.#writer.seal(type, flags, stream, payload), written: this.#eased });
  }

  /** Room for a chunk that is put together before it is sent, held for whoever asked; undefined where init takes none that is longer than others. */
  draft(): BulkBuffer | undefined {
    return ((this.#hello?.features ?? 0) & Feature.longStdin) === 0 ? undefined : this.#drafts.take();
  }

  /** The same for a chunk after its head; answers with the copy of it that leaves, undefined once the wire is closed. What was put together in a draft leaves as it is. */
  sendBulk(type: ToGuest, stream: number, head: Buffer, bulk: Buffer, { flags = 0, draft }: { readonly flags?: number; readonly draft?: BulkBuffer | undefined } = {}): SentBulk | undefined {
    if (this.#closed) return undefined;
    const buffer = draft ?? (bulk.length > LONG_BYTES ? this.#chunks.take() : undefined);
    buffer?.hold();
    const frame = this.#writer.seal(type, flags, stream, head, bulk, buffer?.bytes);
    this.#queue({
      frame,
      written: () => {
        buffer?.release();
        this.#eased();
      },
    });
    const at = HEADER_BYTES + head.length;
    return { bytes: frame.subarray(at, at + bulk.length), release: () => buffer?.release() };
  }

  /** Asks init for a sign of life now. Rejects when the wire comes to its end first. */
  pulse(): Promise<Pong> {
    if (this.#closed) return Promise.reject(new Error('the wire is closed'));
    const answer = Promise.withResolvers<Pong>();
    this.#pulses.set(this.#sendPing(), answer);
    return answer.promise;
  }

  /** Takes silence for nothing until `wake`. The guest still hears that we live: it may run for a while yet. */
  rest(): void {
    this.#resting = true;
  }

  /** Says nothing more until `wake`: the guest does not run, and what it does not read would pile up. */
  fallSilent(): void {
    clearInterval(this.#pings);
  }

  /** Begins again as if just attached. */
  wake(): void {
    if (this.#closed) return;
    clearInterval(this.#pings);
    this.#resting = false;
    this.#silentPings = 0;
    this.#pings = this.#startPings();
  }

  /** Forgets a stream: no frame of it may come any more. */
  forget(stream: number): void {
    this.#streams.delete(stream);
  }

  /** Lets go of the transport; `closed` is told. Idempotent. */
  close(detail: string): void {
    this.#close({ why: 'broken', detail });
  }

  #listen(): void {
    const { output, input } = this.#transport;
    output.on('data', (bytes: Buffer) => this.#push(bytes));
    output.on('end', () => this.close('the transport has ended'));
    output.on('close', () => this.close('the transport was closed'));
    output.on('error', (error) => this.close(describeError(error)));
    input.on('error', (error) => this.close(describeError(error)));
  }

  /** The transport has written what it was given. */
  readonly #eased = (): void => {
    if (!this.#congested || this.#closed || this.#transport.input.writableLength > CONGESTED_BYTES / 2) return;
    this.#congested = false;
    this.#letOn();
  };

  /** What one of them sends may leave no room for the next. */
  #letOn(): void {
    for (const sender of this.#waiting) {
      if (this.#congested) return;
      this.#waiting.delete(sender);
      sender.pump();
    }
  }

  #push(bytes: Buffer): void {
    if (this.#closed) return;
    try {
      this.#reader.push(bytes);
    } catch (error) {
      // Whatever a frame of the guest makes us throw is the guest's doing: a fault of ours must not keep it alive either.
      this.#close({ why: 'violation', error: isViolation(error) ? error : violation('payload', describeError(error), error) });
    }
  }

  #queue(queued: Queued): void {
    this.#outbox.push(queued);
    this.#outboxBytes += queued.frame.length;
    // Whoever was told so once waits until he is told otherwise.
    const waiting = this.#transport.input.writableLength + this.#outboxBytes;
    this.#congested ||= waiting >= CONGESTED_BYTES;
    if (waiting > MOST_QUEUED_BYTES) this.#close({ why: 'violation', error: violation('conduct', `init does not read: ${waiting} bytes wait for it`) });
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    const queued = this.#outbox;
    if (this.#closed || queued.length === 0) return;
    this.#outbox = [];
    this.#outboxBytes = 0;
    const { input } = this.#transport;
    const [only] = queued;
    if (only !== undefined && queued.length === 1) {
      input.write(only.frame, only.written);
    } else if (queued.some(({ frame }) => frame.length > LONG_BYTES)) {
      // What is long is not copied again.
      input.cork();
      for (const { frame, written } of queued) input.write(frame, written);
      input.uncork();
    } else {
      input.write(Buffer.concat(queued.map(({ frame }) => frame)), () => {
        for (const { written } of queued) written();
      });
    }
  }

  #receive(frame: Frame): void {
    if (this.#closed) return;
    this.#silentPings = 0;
    if (!this.#ready) this.#receiveGreeting(frame);
    else if (frame.stream === 0) this.#receiveOwn(frame);
    else if (frame.type >= FromGuest.open) this.#listener.network(frame);
    else this.#receiveStream(frame, this.#streams.get(frame.stream));
  }

  #receiveGreeting(frame: Frame): void {
    if (this.#hello === undefined) {
      this.#hello = decodeHello(frame);
    } else if (frame.type === FromGuest.command && this.#known.length < this.#hello.commands) {
      this.#known.push(decodeCommand(frame));
    } else if (frame.type === FromGuest.ready && this.#known.length === this.#hello.commands) {
      this.#ready = true;
      this.#listener.ready(this.#hello, this.#known);
    } else {
      throw violation('conduct', `a frame of type ${frame.type} in the greeting`);
    }
  }

  #receiveOwn(frame: Frame): void {
    if (frame.type === FromGuest.pong) {
      const pong = decodePong(frame);
      if (pong.token > this.#token) throw violation('conduct', 'a PONG that nobody asked for');
      this.#pulses.get(pong.token)?.resolve(pong);
      this.#pulses.delete(pong.token);
    } else if (frame.type === FromGuest.fault) {
      const detail = `init reports ${decodeFault(frame)}`;
      if (!isNoise(frame)) throw violation('conduct', detail);
      this.#close({ why: 'noise', detail });
    } else {
      throw violation('conduct', `a second greeting (type ${frame.type})`);
    }
  }

  #receiveStream(frame: Frame, stream: WireStream | undefined): void {
    if (stream === undefined) throw violation('conduct', `a frame of type ${frame.type} on stream ${frame.stream}, which is not open`);
    switch (frame.type) {
      case FromGuest.output:
        return receiveOutput(frame, stream);
      case FromGuest.end:
        return stream.finished(decodeEnd(frame));
      case FromGuest.started:
        return stream.started();
      case FromGuest.stdinAck: {
        const { offset, closed } = decodeStdinAck(frame);
        return stream.stdinAck(offset, closed);
      }
      default:
        throw violation('conduct', `a frame of type ${frame.type} on a stream`);
    }
  }

  #startPings(): NodeJS.Timeout {
    return setInterval(() => this.#ping(), this.#pingEveryMs).unref();
  }

  #ping(): void {
    this.#chunks.tidy();
    this.#drafts.tidy();
    if (!this.#resting && this.#silentPings >= this.#pingsUnanswered) {
      this.close('the sandbox has not answered for too long');
      return;
    }
    this.#silentPings += 1;
    this.#sendPing();
  }

  #sendPing(): number {
    this.#token += 1;
    this.send(ToGuest.ping, 0, encodePing(this.#token));
    return this.#token;
  }

  #close(end: WireEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#pings);
    this.#streams.clear();
    for (const answer of this.#pulses.values()) answer.reject(new Error('the wire was closed'));
    this.#pulses.clear();
    this.#outbox = [];
    this.#waiting.clear();
    this.#transport.close();
    this.#listener.closed(end);
  }
}

function receiveOutput(frame: Frame, stream: WireStream): void {
  const { channel, offset, bytes } = decodeOutput(frame);
  if (bytes.length > 0) stream.received(channel, offset, bytes, false);
  let at = offset + bytes.length;
  for (const piece of frame.bulk) {
    stream.received(channel, at, piece, true);
    at += piece.length;
  }
}

function isViolation(error: unknown): error is GloveboxError {
  return error instanceof Error && 'code' in error && error.code === 'wire_violation';
}
