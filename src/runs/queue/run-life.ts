import type { JournalEvent, RunLifeEvents } from '../../contracts/index.ts';
import { NO_REQUESTS, type Requests, withEvent } from '../steering/requests.ts';

/** Where a run is. `nowhere`: it was made for whoever made it, and never given to the queue. */
export type RunPlace =
  | { readonly at: 'nowhere' }
  | { readonly at: 'queue'; readonly notBeforeMs?: number }
  | { readonly at: 'worker'; readonly worker: string }
  | { readonly at: 'parked'; readonly why: 'approval' | 'paused'; readonly approval?: string };

/** What the queue, workers and persons have to know of a run. */
export interface RunLife {
  readonly place: RunPlace;
  /** How often in a row the infrastructure failed it. */
  readonly attempts: number;
  readonly requests: Requests;
}

export const NEW_LIFE: RunLife = { place: { at: 'nowhere' }, attempts: 0, requests: NO_REQUESTS };

/** The types of events that this fold knows, or leaves to others of the room. */
export const LIFE_TYPES: Readonly<Record<keyof RunLifeEvents, true>> = {
  'run.queued': true,
  'run.claimed': true,
  'run.retried': true,
  'run.parked': true,
  'run.handed_over': true,
  'run.said': true,
  'run.pause_asked': true,
  'run.go_on_asked': true,
  'run.cancel_asked': true,
  'run.taken_over': true,
  'run.handed_back': true,
  'run.keyed': true,
  'queue.offered': true,
  'queue.taken': true,
  'queue.left': true,
  'queue.stands': true,
};

/** A run's life after one more event. */
export function lived(life: RunLife, event: JournalEvent): RunLife {
  const requests = withEvent(life.requests, event);
  switch (event.type) {
    case 'run.queued':
      return { ...life, requests, place: { at: 'queue', ...(event.data.notBeforeMs === undefined ? {} : { notBeforeMs: event.data.notBeforeMs }) } };
    case 'run.handed_over':
      return { ...life, requests, place: { at: 'queue' } };
    case 'run.retried':
      return { requests, attempts: event.data.attempt, place: { at: 'queue', notBeforeMs: event.data.notBeforeMs } };
    case 'run.claimed':
      return { ...life, requests, place: { at: 'worker', worker: event.data.worker } };
    case 'run.parked':
      return { ...life, requests, place: { at: 'parked', ...event.data } };
    // It gets on: what failed before is over.
    case 'model.ended':
    case 'tool.ended':
    case 'run.tested':
      return { ...life, requests, attempts: 0 };
    default:
      return requests === life.requests ? life : { ...life, requests };
  }
}

/** Whether time passes in which nobody works at it. */
export function isIdle({ place }: RunLife): boolean {
  return place.at === 'queue' || place.at === 'parked';
}
