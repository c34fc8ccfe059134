import { type EventType, GloveboxError, type Journal, type JournalEvent, type StreamListing } from '../contracts/index.ts';
import { foldRun, type RunState } from './run-state.ts';

/** What a list tells of a run. */
export type RunOutline = Pick<RunState, 'status' | 'task' | 'repository' | 'createdMs' | 'spent' | 'waitingFor' | 'life' | 'summary' | 'newer'>;

/** The end of a run is among its last events: only deliveries, and what persons say to it all the same, come after it. */
const LAST = 32;
/** Most of what a run says is what it did. That changes nothing of what a list tells but that it waits for nobody. */
const DEEDS: readonly EventType[] = ['decision', 'command.started', 'command.ended', 'javascript.started', 'javascript.ended', 'call.started', 'call.ended', 'file.changed', 'egress.started', 'egress.ended'];

/** Of a run that ended, its first event and its last ones tell, however long it was; one that did not end is read as a whole, without what it did. */
export async function outlineRun(journal: Journal, listing: Pick<StreamListing, 'stream' | 'events' | 'firstMs'>): Promise<RunOutline> {
  try {
    return await readOutline(journal, listing);
  } catch (error) {
    if (!(error instanceof GloveboxError) || error.code !== 'newer_version') throw error;
    // One run that only a newer version can read is no reason not to tell of the others.
    return { ...foldRun([]), status: 'started', createdMs: listing.firstMs, newer: { seq: Number(error.details['seq']), type: String(error.details['type']) } };
  }
}

async function readOutline(journal: Journal, { stream, events }: Pick<StreamListing, 'stream' | 'events'>): Promise<RunOutline> {
  const [[first], last] = await Promise.all([journal.read(stream, 0, 1), journal.skim(stream, { afterSeq: Math.max(1, events - LAST), without: DEEDS })]);
  const ended = last.findLast(isEnd);
  if (first?.type !== 'run.created' || ended === undefined) return outlineUnfinished(journal, stream);
  const { usd, tokens, steps } = ended.data;
  return { ...foldRun([first, ...last]), spent: { usd, tokens, steps } };
}

async function outlineUnfinished(journal: Journal, stream: string): Promise<RunOutline> {
  const outline = foldRun(await journal.skim(stream, { without: DEEDS }));
  // It may have been answered since.
  return outline.waitingFor === undefined ? outline : foldRun(await journal.read(stream));
}

function isEnd(event: JournalEvent): event is JournalEvent<'run.ended'> {
  return event.type === 'run.ended';
}

/** How it stands, in a word: queued, running, waiting, paused, interrupted, its outcome; `erased`, or `newer` for what only a newer version can read. */
export function standing({ status, summary, waitingFor, life, newer }: RunOutline, running: boolean): string {
  if (status === 'erased') return status;
  if (summary !== undefined) return summary.outcome;
  if (newer !== undefined) return 'newer';
  if (running) return waitingFor !== undefined ? 'waiting' : life.requests.paused !== undefined ? 'paused' : 'running';
  if (life.place.at === 'parked') return life.place.why === 'approval' ? 'waiting' : 'paused';
  return life.place.at === 'queue' ? 'queued' : 'interrupted';
}
