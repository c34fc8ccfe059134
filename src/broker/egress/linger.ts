import type { Duplex } from 'node:stream';
import { Deadline } from './deadline.ts';

/** What we have ended a program may still read to its end. */
export const LINGER_MS = 5_000;

/** Ended by us: what was written is read to its end by whoever wants to, and not waited for longer. */
export function linger(stream: Duplex): void {
  if (stream.destroyed) return;
  const late = new Deadline(() => stream.destroy());
  late.start(LINGER_MS);
  stream.once('close', () => late.stop());
  stream.end();
  stream.resume();
}
