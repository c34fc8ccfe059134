import { GloveboxError } from '../../contracts/index.ts';

/** What was wrong, in the order in which a frame is checked; `conduct` is a well-formed frame that may not come here or now. */
export type ViolationReason = 'magic' | 'length' | 'mac' | 'sequence' | 'reserved' | 'type' | 'stream' | 'payload' | 'conduct';

/** The guest broke the protocol. Nothing that it says is believed from here on, and the sandbox is killed. */
export function violation(reason: ViolationReason, what: string, cause?: unknown): GloveboxError {
  const message = `the sandbox broke the wire's protocol and was stopped: ${what}`;
  return new GloveboxError('wire_violation', message, { ...(cause === undefined ? {} : { cause }), details: { reason } });
}
