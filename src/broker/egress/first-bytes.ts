import type { Duplex } from 'node:stream';
import { EgressRefusal } from './refusal.ts';

/** Takes exactly so many bytes off a stream that nobody reads yet. Errors: `EgressRefusal` where it ends before. */
export async function readBytes(stream: Duplex, count: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let length = 0; length < count; ) {
    // Whatever is there: a stream that holds less than it was asked for says at once, and again and again, that it can be read.
    const bytes: Buffer | null = stream.read();
    if (bytes !== null) {
      pieces.push(bytes);
      length += bytes.length;
    } else if (stream.readableEnded || stream.destroyed) {
      throw new EgressRefusal('request_invalid', 'the connection ended before it said what it wants');
    } else {
      await readable(stream);
    }
  }
  const all = Buffer.concat(pieces);
  if (all.length > count) stream.unshift(all.subarray(count));
  return all.subarray(0, count);
}

/** The first byte, which stays in the stream. */
export async function peekByte(stream: Duplex): Promise<number> {
  const byte = await readBytes(stream, 1);
  stream.unshift(byte);
  return byte[0] ?? 0;
}

/** Whatever happens next. */
function readable(stream: Duplex): Promise<void> {
  const events = ['readable', 'end', 'error', 'close'] as const;
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const event of events) stream.off(event, settle);
      resolve();
    };
    for (const event of events) stream.on(event, settle);
  });
}
