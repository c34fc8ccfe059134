<<<<<<< HEAD
import { GloveboxError, type Journal, type JournalEvent, type StreamListing } from '../contracts/index.ts';
import { foldRun, type RunState } from './run-state.ts';

/** What a list tells of a run. */
export type RunOutline = Pick<RunState, 'status' | 'task' | 'repository' | 'createdMs' | 'spent' | 'waitingFor' | 'life' | 'summary' | 'newer'>;
=======
import type { EventType, Journal, JournalEvent, RunId } from '../contracts/index.ts';
import type { RunLife } from './queue/run-life.ts';
import { foldRun, type RunState } from './run-state.ts';

/** What a list tells of a run: it is read from some of its events, because there are many, and of many runs. */
export interface RunOutline extends Pick<RunState, 'status' | 'task' | 'repository' | 'createdMs' | 'spent' | 'waitingFor' | 'summary'> {
  readonly life: Pick<RunLife, 'place' | 'requests'>;
}
>>>>>>> 031ce6d (runs list reads of a run that did not end only what a list tells; e2e runs two files at once)

/** The end of a run is among its last events: only deliveries, and what persons say to it all the same, come after it. */
const LAST = 32;
/** All that an outline is made of, but for what ends a wait for an approval. */
const TELLING = [
  'run.created', 'session.opened', 'approval.awaited', 'model.started', 'model.ended', 'model.failed', 'run.ended',
  'run.queued', 'run.handed_over', 'run.retried', 'run.claimed', 'run.parked',
  'run.said', 'run.handed_back', 'run.prompted', 'run.pause_asked', 'run.go_on_asked', 'run.cancel_asked',
] as const satisfies readonly EventType[];

<<<<<<< HEAD
/** Of a run that ended, its first event and its last ones tell, however long it was; one that did not end is folded as a whole. */
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
  const [[first], last] = await Promise.all([journal.read(stream, 0, 1), journal.read(stream, Math.max(1, events - LAST))]);
=======
/** `events`: how many it has. Of a run that ended, its first event and its last ones tell, however long it was. */
export async function outlineRun(journal: Journal, id: RunId, events: number): Promise<RunOutline> {
  const [[first], last] = await Promise.all([journal.read(id, 0, 1), journal.read(id, Math.max(1, events - LAST))]);
>>>>>>> 031ce6d (runs list reads of a run that did not end only what a list tells; e2e runs two files at once)
  const ended = last.findLast(isEnd);
  if (first?.type !== 'run.created' || ended === undefined) return outlineUnended(journal, id);
  const { usd, tokens, steps } = ended.data;
  return { ...foldRun([first, ...last]), spent: { usd, tokens, steps } };
}

async function outlineUnended(journal: Journal, id: RunId): Promise<RunOutline> {
  const events = await Array.fromAsync(journal.scan(TELLING, { streams: [id] }));
  const outline = foldRun(events);
  const awaited = events.findLast(({ type }) => type === 'approval.awaited');
  if (awaited === undefined || outline.waitingFor === undefined) return outline;
  return { ...outline, waitingFor: foldRun(await journal.read(id, awaited.seq - 1)).waitingFor };
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
