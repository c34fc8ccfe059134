import { PassThrough } from 'node:stream';
import type { Transport } from '../../src/sandbox/transport.ts';
import { FieldWriter, writeU64 } from '../../src/sandbox/wire/fields.ts';
import { FrameWriter } from '../../src/sandbox/wire/frame-writer.ts';
import { mac } from '../../src/sandbox/wire/mac.ts';
import { FromGuest, HEADER_BYTES, KEY_BYTES, MAC_BYTES, NONCE_BYTES, PREAMBLE_MAGIC, ToGuest } from '../../src/sandbox/wire/protocol.ts';

export interface HostFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly epoch: number;
  readonly payload: Buffer;
}

/**
 * The other end of the wire, in memory, for tests of what a real init never does. It keeps every frame of the host and answers only what a
 * test tells it to, but for the greeting.
 */
export class FakeGuest {
  readonly frames: HostFrame[] = [];
  /** What `COMMAND` frames it sends in its next greeting. */
  commands: { stream: number; id: string; ended: boolean; stdinTaken?: number; stdoutFrom?: number }[] = [];
  features = 0xff;
  /** What the preamble's configuration said. */
  configuration = Buffer.alloc(0);
  greets = true;
  #keys: { toGuest: Buffer; fromGuest: Buffer } | undefined;
  #bytes = Buffer.alloc(0);
  #toHost = new PassThrough();
  #writer: FrameWriter | undefined;
  #waiting: { readonly type: number; readonly resolve: (frame: HostFrame) => void }[] = [];
  attaches = 0;

  /** A new attachment. The one before it is as good as dead. */
  connect(): Transport {
    const input = new PassThrough();
    const output = new PassThrough();
    this.#bytes = Buffer.alloc(0);
    this.#toHost = output;
    input.on('data', (bytes: Buffer) => {
      if (this.#toHost === output) this.#receive(bytes);
    });
    return { input, output, close: () => void output.destroy() };
  }

  /** Breaks the transport, as an engine that is restarted does. */
  breakTransport(): void {
    const broken = this.#toHost;
    // What the host still writes reaches nobody.
    this.#toHost = new PassThrough();
    broken.destroy();
  }

  send(type: number, stream: number, payload: Buffer = Buffer.alloc(0), flags = 0): void {
    this.raw(this.seal(type, stream, payload, flags));
  }

  seal(type: number, stream: number, payload: Buffer = Buffer.alloc(0), flags = 0): Buffer {
    if (this.#writer === undefined) throw new Error('nobody has attached');
    return this.#writer.seal(type, flags, stream, payload);
  }

  raw(bytes: Buffer): void {
    this.#toHost.write(bytes);
  }

  output(stream: number, channel: 1 | 2, offset: number, bytes: Buffer): void {
    this.send(FromGuest.output, stream, outputPayload(channel, offset, bytes));
  }

  end(stream: number, fields: (writer: FieldWriter) => FieldWriter = (writer) => writer.u32(1, 1).u32(2, 0).u32(15, 1)): void {
    this.send(FromGuest.end, stream, fields(new FieldWriter()).toBuffer());
  }

  /** The next frame of a type that has not been waited for. */
  async next(type: number): Promise<HostFrame> {
    const index = this.frames.findIndex((frame) => frame.type === type);
    if (index !== -1) return this.frames.splice(index, 1)[0] as HostFrame;
    return new Promise((resolve) => this.#waiting.push({ type, resolve }));
  }

  /** Everything that came so far of a type. */
  seen(type: number): HostFrame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  #receive(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#readPreamble();
    for (let frame = this.#readFrame(); frame !== undefined; frame = this.#readFrame()) {
      if (frame.type === ToGuest.attach) this.#greet(frame);
      const index = this.#waiting.findIndex(({ type }) => type === frame?.type);
      if (index === -1) this.frames.push(frame);
      else this.#waiting.splice(index, 1)[0]?.resolve(frame);
    }
  }

  #readPreamble(): void {
    const head = PREAMBLE_MAGIC.length;
    if (this.#keys !== undefined || this.#bytes.length < head + 2 * KEY_BYTES + 4) return;
    if (this.#bytes.toString('latin1', 0, head) !== PREAMBLE_MAGIC) throw new Error('not a preamble');
    const configuration = this.#bytes.readUInt32LE(head + 2 * KEY_BYTES);
    this.#keys = { toGuest: Buffer.from(this.#bytes.subarray(head, head + KEY_BYTES)), fromGuest: Buffer.from(this.#bytes.subarray(head + KEY_BYTES, head + 2 * KEY_BYTES)) };
    const end = head + 2 * KEY_BYTES + 4 + configuration;
    this.configuration = Buffer.from(this.#bytes.subarray(end - configuration, end));
    this.#bytes = this.#bytes.subarray(end);
  }

  #readFrame(): HostFrame | undefined {
    if (this.#keys === undefined || this.#bytes.length < HEADER_BYTES) return undefined;
    const end = HEADER_BYTES + this.#bytes.readUInt32LE(4);
    if (this.#bytes.length < end + MAC_BYTES) return undefined;
    const whole = this.#bytes.subarray(0, end);
    if (!mac(this.#keys.toGuest, whole).equals(this.#bytes.subarray(end, end + MAC_BYTES))) throw new Error('the host sent a wrong MAC');
    this.#bytes = this.#bytes.subarray(end + MAC_BYTES);
    return { type: whole.readUInt8(8), flags: whole.readUInt8(9), stream: whole.readUInt32LE(12), epoch: whole.readUInt32LE(16), payload: whole.subarray(HEADER_BYTES) };
  }

  #greet(attach: HostFrame): void {
    this.attaches += 1;
    if (this.#keys === undefined || !this.greets) return;
    this.#writer = new FrameWriter(this.#keys.fromGuest, attach.epoch);
    this.send(FromGuest.hello, 0, helloPayload(attach.payload, this.features, this.commands.length));
    for (const { stream, id, ended, stdinTaken, stdoutFrom } of this.commands) {
      this.send(FromGuest.command, stream, new FieldWriter().text(1, id).u32(2, ended ? 2 : 1).u64(3, stdoutFrom ?? 0).u64(7, stdinTaken ?? 0).toBuffer());
    }
    this.send(FromGuest.ready, 0);
  }
}

export function helloPayload(nonce: Buffer, features: number, commands: number): Buffer {
  const payload = Buffer.alloc(64);
  nonce.copy(payload, 0, 0, NONCE_BYTES);
  payload.writeUInt32LE(1, 16);
  payload.writeUInt32LE(features, 20);
  payload.writeUInt32LE(100_001, 24);
  payload.writeUInt32LE(commands, 28);
  writeU64(payload, 5, 32);
  return payload;
}

export function openPayload(host: string, port: number, options: { readonly via?: number; readonly zero?: number; readonly credit?: number } = {}): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(options.via ?? 1, 0);
  head.writeUInt8(options.zero ?? 0, 1);
  head.writeUInt16LE(port, 2);
  head.writeUInt32LE(options.credit ?? 262_144, 4);
  return Buffer.concat([head, Buffer.from(host, 'latin1')]);
}

export function outputPayload(channel: 1 | 2, offset: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt8(channel, 0);
  writeU64(head, offset, 8);
  return Buffer.concat([head, bytes]);
}

