interface Line<T> {
  readonly owner: string;
  readonly waiting: T[];
}

/** Who waits, one line for each owner. Lines take turns, so that whoever asks for much delays himself and not the others. */
export class FairQueue<T> {
  /** The line at the front has the next turn. */
  readonly #lines: Line<T>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whose turn it is; undefined when nobody waits. */
  get next(): T | undefined {
    return this.#lines[0]?.waiting[0];
  }

  push(owner: string, item: T): void {
    const line = this.#lines.find((each) => each.owner === owner);
    if (line === undefined) this.#lines.push({ owner, waiting: [item] });
    else line.waiting.push(item);
    this.#size += 1;
  }

  /** Takes out whose turn it is; its owner's line goes to the back. */
  shift(): T | undefined {
    const line = this.#lines.shift();
    const item = line?.waiting.shift();
    if (line === undefined || item === undefined) return undefined;
    if (line.waiting.length > 0) this.#lines.push(line);
    this.#size -= 1;
    return item;
  }

  remove(item: T): boolean {
    const line = this.#lines.find(({ waiting }) => waiting.includes(item));
    if (line === undefined) return false;
    line.waiting.splice(line.waiting.indexOf(item), 1);
    if (line.waiting.length === 0) this.#lines.splice(this.#lines.indexOf(line), 1);
    this.#size -= 1;
    return true;
  }

  /**
   * Takes out the last of the longest line, if that line is longer than the owner's would be with one more: it makes way for him. A queue of
   * bounded length would else be one owner's alone.
   */
  displaceFor(owner: string): T | undefined {
    const own = this.#lines.find((each) => each.owner === owner)?.waiting.length ?? 0;
    const longest = this.#lines.reduce<Line<T> | undefined>((most, line) => (line.waiting.length > (most?.waiting.length ?? 0) ? line : most), undefined);
    if (longest === undefined || longest.waiting.length <= own + 1) return undefined;
    this.#size -= 1;
    return longest.waiting.pop();
  }

  /** Takes everybody out. */
  clear(): T[] {
    this.#size = 0;
    return this.#lines.splice(0).flatMap(({ waiting }) => waiting);
  }
}
