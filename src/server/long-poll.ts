import type { EventType, Journal } from '../contracts/index.ts';

interface Wait {
  readonly waitMs: number;
  /** Fires when whoever waits has gone. */
  readonly gone: AbortSignal;
}

/** Resolves when an event of one of these types is in the stream, after so long, or when nobody waits any more. */
export async function untilWritten(journal: Pick<Journal, 'follow'>, stream: string, types: readonly EventType[], { waitMs, gone }: Wait): Promise<void> {
  if (waitMs === 0) return;
  const signal = AbortSignal.any([AbortSignal.timeout(waitMs), gone]);
  for await (const { type } of journal.follow(stream, { signal })) if (types.includes(type)) return;
}
