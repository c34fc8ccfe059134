import type { Readable, Writable } from 'node:stream';

/** The bytes between us and one sandbox's init, for as long as one attachment lasts. It ends for good; attaching again makes another. */
export interface Transport {
  /** What init writes to its stdout, and nothing else. Its end or error says that the attachment is over. */
  readonly output: Readable;
  /** What init reads from its stdin. Ending it would tell init that nobody will ever come back, so nobody does. */
  readonly input: Writable;
  /** Lets go of the attachment at once; the sandbox lives on. Idempotent. */
  close(): void;
}

/**
 * Attaches to a sandbox, again and again if need be; never to one that is not running.
 * Errors: `sandbox_lost` when it is gone for good, so that trying again is pointless; anything else may be tried again.
 */
export type Connect = (signal: AbortSignal) => Promise<Transport>;
