interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}

/** Everything of a list, a page at a time, as it is read. */
export async function* everyPage<T>(ask: (cursor: { cursor?: string }) => Promise<Page<T>>): AsyncGenerator<T, void, undefined> {
  for (let cursor: { cursor?: string } = {}; ; ) {
    const { items, next } = await ask(cursor);
    yield* items;
    if (next === undefined) return;
    cursor = { cursor: next };
  }
}
