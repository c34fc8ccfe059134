import { GloveboxError, type StreamsOptions } from '../contracts/index.ts';

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** A page of what is in memory, by a key of each, which does not change and is no other's. Errors: `usage` for a cursor that is none. */
export function page<T>(unsorted: readonly T[], { limit, cursor }: PageQuery, keyOf: (item: T) => string): Page<T> {
  const all = unsorted.map((item) => ({ item, key: keyOf(item) })).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const after = cursor === undefined ? undefined : readCursor(cursor);
  // What the cursor names may be gone.
  const begin = after === undefined ? 0 : all.findIndex(({ key }) => key > after);
  const found = begin === -1 ? [] : all.slice(begin, begin + limit);
  const last = found.at(-1);
  const items = found.map(({ item }) => item);
  return last === undefined || last === all.at(-1) ? { items } : { items, next: writeCursor(last.key) };
}

/** Where a list of the journal's streams goes on. */
type Place = NonNullable<StreamsOptions['before']>;

/** A page of one more than was asked for, newest first: where there is one more, another page follows. */
export function newestFirst<T>(found: readonly T[], limit: number, placeOf: (item: T) => Place): Page<T> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  if (last === undefined || found.length <= limit) return { items };
  const { firstMs, stream } = placeOf(last);
  return { items, next: writeCursor(`${firstMs} ${stream}`) };
}

/** What to ask the journal for. Errors: `usage`. */
export function onePageMore({ limit, cursor }: PageQuery): { readonly limit: number; readonly before?: Place } {
  if (cursor === undefined) return { limit: limit + 1 };
  const [, time, stream] = /^(\d{1,15}) (\S{1,128})$/.exec(readCursor(cursor)) ?? [];
  if (time === undefined || stream === undefined) throw noCursor();
  return { limit: limit + 1, before: { firstMs: Number(time), stream } };
}

function writeCursor(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** Errors: `usage`. */
function readCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (text === '' || writeCursor(text) !== cursor) throw noCursor();
  return text;
}

function noCursor(): GloveboxError {
  return new GloveboxError('usage', 'cursor: expected what `next` of a page said');
}
