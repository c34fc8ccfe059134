import { dataOf } from './shapes.ts';

interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** As many as a server gives at once. */
const PAGE = 200;

/** Everything of a list, asked for a page at a time as it is read. */
export async function* everyPage<T>(ask: (query: { limit: number; cursor?: string }) => Promise<{ readonly data?: Page<T> | undefined }>): AsyncGenerator<T, void, undefined> {
  for (let cursor: { cursor?: string } = {}; ; ) {
    const { items, next } = dataOf(await ask({ limit: PAGE, ...cursor }));
    yield* items;
    if (next === undefined) return;
    cursor = { cursor: next };
  }
}
