import type { EventType, Journal, StreamListing } from '../../contracts/index.ts';

/** A session that has written nothing for so long, and was not closed, is of a process that died. */
const SESSION_LIVES_MS = 24 * 3600_000;

/** Runs and sessions of a tenant that have not ended: what they were can still be needed. Newest first. */
export async function livingStreams(journal: Journal, tenant: string, nowMs: number): Promise<readonly StreamListing[]> {
  const living: StreamListing[] = [];
  for (const listing of await journal.streams({ tenant })) {
    const isSession = listing.stream.startsWith('ses_') && nowMs - listing.lastMs < SESSION_LIVES_MS;
    const end = listing.stream.startsWith('run_') ? 'run.ended' : isSession ? 'session.closed' : undefined;
    if (end !== undefined && !(await hasAny(journal, listing.stream, end))) living.push(listing);
  }
  return living;
}

/** What is erased cannot be gone on with. */
async function hasAny(journal: Journal, stream: string, type: EventType): Promise<boolean> {
  for await (const _ of journal.scan([type, 'erased'], { streams: [stream] })) return true;
  return false;
}
