/** One recorded decision, as far as a learned rule has to account for it. */
export interface Sighting {
  /** A run, or a session of its own. */
  readonly stream: string;
  readonly timeMs: number;
  /** A person had to say yes. */
  readonly approved: boolean;
}

/** Of so many runs the names are said; all are counted. */
const NAMED_RUNS = 3;

/** What a learned rule rests on. */
export class Evidence {
  #requests = 0;
  #approved = 0;
  #firstMs = Infinity;
  #lastMs = -Infinity;
  readonly #streams = new Set<string>();

  get isEmpty(): boolean {
    return this.#requests === 0;
  }

  add({ stream, timeMs, approved }: Sighting): void {
    this.#requests += 1;
    if (approved) this.#approved += 1;
    this.#streams.add(stream);
    this.#firstMs = Math.min(this.#firstMs, timeMs);
    this.#lastMs = Math.max(this.#lastMs, timeMs);
  }

  /** What another rule rests on that this one covers. */
  take(other: Evidence): void {
    this.#requests += other.#requests;
    this.#approved += other.#approved;
    for (const stream of other.#streams) this.#streams.add(stream);
    this.#firstMs = Math.min(this.#firstMs, other.#firstMs);
    this.#lastMs = Math.max(this.#lastMs, other.#lastMs);
  }

  /** `3 requests in 2 runs (run_a, run_b), 2026-01-02T03:04:05Z to 2026-01-03T04:05:06Z`; one time where both are the same. */
  say(): string {
    const names = [...this.#streams].slice(0, NAMED_RUNS).join(', ');
    const more = this.#streams.size > NAMED_RUNS ? ', …' : '';
    const approved = this.#approved === 0 ? '' : `, ${this.#approved} of them by a person's yes`;
    return `${counted(this.#requests, 'request')}${approved} in ${counted(this.#streams.size, 'run')} (${names}${more}), ${[...new Set([said(this.#firstMs), said(this.#lastMs)])].join(' to ')}`;
  }

  toJSON(): { readonly requests: number; readonly approved: number; readonly runs: readonly string[]; readonly firstMs: number; readonly lastMs: number } {
    return { requests: this.#requests, approved: this.#approved, runs: [...this.#streams], firstMs: this.#firstMs, lastMs: this.#lastMs };
  }
}

/** Something that was seen, and how often. */
export interface Seen<T> {
  readonly value: T;
  readonly evidence: Evidence;
}

/** What was seen, each once. */
export class Sightings<T> {
  readonly #seen = new Map<string, Seen<T>>();

  get size(): number {
    return this.#seen.size;
  }

  add(value: T, sighting: Sighting): void {
    const key = JSON.stringify(value);
    let seen = this.#seen.get(key);
    if (seen === undefined) this.#seen.set(key, (seen = { value, evidence: new Evidence() }));
    seen.evidence.add(sighting);
  }

  all(): readonly Seen<T>[] {
    return [...this.#seen.values()];
  }

  /** The same by wider values, and without what another covers, which counts for that one. `covers` says which values can cover any other. */
  widened(widen: (value: T) => T, { covers = () => true, isWithin }: Cover<T>): readonly Seen<T>[] {
    const wide = new Sightings<T>();
    for (const { value, evidence } of this.#seen.values()) wide.#take(widen(value), evidence);
    const all = wide.all();
    const covering = all.filter(({ value }) => covers(value));
    const coverOf = ({ value }: Seen<T>): Seen<T> | undefined => covering.find((other) => other.value !== value && isWithin(value, other.value));
    return all.filter((one) => {
      let outermost: Seen<T> | undefined;
      for (let cover = coverOf(one); cover !== undefined; cover = coverOf(cover)) outermost = cover;
      outermost?.evidence.take(one.evidence);
      return outermost === undefined;
    });
  }

  #take(value: T, evidence: Evidence): void {
    const key = JSON.stringify(value);
    let seen = this.#seen.get(key);
    if (seen === undefined) this.#seen.set(key, (seen = { value, evidence: new Evidence() }));
    seen.evidence.take(evidence);
  }
}

/** A strict partial order. */
interface Cover<T> {
  readonly covers?: (value: T) => boolean;
  readonly isWithin: (narrow: T, wide: T) => boolean;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function said(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}
