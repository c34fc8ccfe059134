import { keyOf } from './plan.ts';
import type { Plan, Request } from './plan.ts';
import { Shelf } from './shelf.ts';

/** Requests that are remembered. Whoever asks for something new each time gets it, but little is made ready for him. */
const MOST_SHELVES = 64;

/** The shelf of each request that was made of late, or for which a floor is kept. */
export class Shelves implements Iterable<Shelf> {
  readonly #plan: (request: Request) => Promise<Plan>;
  readonly #shelves = new Map<string, Shelf>();

  constructor(plan: (request: Request) => Promise<Plan>) {
    this.#plan = plan;
  }

  /** A new one where there was none. It is remembered if there is space for it, or an empty one that was asked for longest ago makes some. */
  for(request: Request): Shelf {
    const key = keyOf(request);
    const known = this.#shelves.get(key);
    if (known !== undefined) return known;
    const shelf = new Shelf(request, () => this.#plan(request));
    if (this.#shelves.size >= MOST_SHELVES) this.#forgetOne();
    if (this.#shelves.size < MOST_SHELVES) this.#shelves.set(key, shelf);
    return shelf;
  }

  has(shelf: Shelf): boolean {
    return this.#shelves.get(keyOf(shelf.request)) === shelf;
  }

  /** Forgets those that hold nothing and that nobody wants. */
  forgetUnused(nowMs: number): void {
    for (const [key, shelf] of this.#shelves) {
      if (isEmpty(shelf) && shelf.demand.isForgotten(nowMs)) this.#shelves.delete(key);
    }
  }

  #forgetOne(): void {
    const [oldest] = [...this.#shelves].filter(([, shelf]) => isEmpty(shelf)).sort(([, a], [, b]) => a.demand.lastMs - b.demand.lastMs);
    if (oldest !== undefined) this.#shelves.delete(oldest[0]);
  }

  [Symbol.iterator](): Iterator<Shelf> {
    return this.#shelves.values();
  }
}

function isEmpty({ floor, ready, making }: Shelf): boolean {
  return floor === 0 && ready === 0 && making === 0;
}
