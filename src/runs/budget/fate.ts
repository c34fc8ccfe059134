import { type Amounts, costOf, type JournalEvent } from '../../contracts/index.ts';
import type { OpenReservation } from './account-book.ts';

/** What became of a call whose process is no more, by what the stream of its run or session says. */
export function fateOf({ reservation, stream }: OpenReservation, events: readonly JournalEvent[]): Amounts | 'unused' | 'unknown' {
  const at = events.findIndex((event) => event.type === 'model.started' && event.data.reservation === reservation);
  const started = events[at];
  // It is written before the call is made: where it is not, there was none.
  if (started?.type !== 'model.started' || started.stream !== stream) return events.some(({ type }) => type === 'erased') ? 'unknown' : 'unused';
  const { call } = started.data;
  for (const event of events.slice(at + 1)) {
    if (event.type === 'model.ended' && event.data.call === call) return costOf(event.data.reply);
    if (event.type === 'model.failed' && event.data.call === call) return event.data.unknown ? 'unknown' : 'unused';
  }
  return 'unknown';
}
