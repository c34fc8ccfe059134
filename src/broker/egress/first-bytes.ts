import type { Duplex } from 'node:stream';
import { EgressRefusal } from './refusal.ts';

/** Takes exactly so many bytes off a stream that nobody reads yet. Errors: `EgressRefusal` where it ends before. */
export async function readBytes(stream: Duplex, count: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = stream.read(count);
    // What is left at the end is handed out, however little it is.
    if (bytes !== null && bytes.length === count) return bytes;
    if (bytes !== null || stream.readableEnded || stream.destroyed) throw new EgressRefusal('request_invalid', 'the connection ended before it said what it wants');
    await readable(stream);
  }
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
