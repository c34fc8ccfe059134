import type { Sandbox, WarmStock } from '../../contracts/index.ts';
import { Backoff } from './backoff.ts';
import { Demand } from './demand.ts';
import type { Plan, Request } from './plan.ts';

/** A sandbox in which nothing has run. */
export interface Member {
  readonly sandbox: Sandbox;
  readonly identity: string;
  readonly sinceMs: number;
}

/** Ready sandboxes of one request. It keeps count; what is made and removed, and when, is the stocker's business. */
export class Shelf {
  readonly request: Request;
  readonly demand = new Demand();
  readonly backoff = new Backoff();
  floor = 0;
  /** Undefined: the pool's. */
  ceiling: number | undefined;
  /** Being made. */
  making = 0;
  /** When its members were last compared with what would be made now. */
  checkedMs = 0;
  /** The oldest first. */
  readonly #members: Member[] = [];
  readonly #plan: () => Promise<Plan>;
  readonly #watchers = new Set<PromiseWithResolvers<void>>();
  #planning: Promise<Plan> | undefined;

  constructor(request: Request, plan: () => Promise<Plan>) {
    this.request = request;
    this.#plan = plan;
  }

  get ready(): number {
    return this.#members.length;
  }

  /** What would be made now. Those who ask while that is being found out share the answer. */
  plan(): Promise<Plan> {
    this.#planning ??= this.#plan().finally(() => {
      this.#planning = undefined;
    });
    return this.#planning;
  }

  target(nowMs: number, poolCeiling: number): number {
    return Math.min(Math.max(this.floor, this.demand.target(nowMs)), this.ceiling ?? poolCeiling, poolCeiling);
  }

  /** Somebody asks for one. */
  asked(nowMs: number, poolCeiling: number): void {
    this.demand.taken(nowMs, Math.max(0, this.target(nowMs, poolCeiling) - this.ready));
  }

  put(member: Member): void {
    this.#members.push(member);
  }

  /** The oldest one of this identity: from now on it is the taker's, and nobody finds it here again. */
  take(identity: string): Member | undefined {
    const at = this.#members.findIndex((member) => member.identity === identity);
    return at < 0 ? undefined : this.#members.splice(at, 1)[0];
  }

  takeAny(): Member | undefined {
    return this.#members.shift();
  }

  /** Takes out those that would be made otherwise now; without an identity, all. */
  takeStale(identity?: string): Member[] {
    const stale = this.#members.filter((member) => member.identity !== identity);
    for (const member of stale) this.remove(member);
    return stale;
  }

  /** Takes out what is more than the target and has stood here for long. */
  takeSurplus(target: number, olderThanMs: number): Member[] {
    const surplus = this.#members.slice(0, Math.max(0, this.ready - target)).filter(({ sinceMs }) => sinceMs <= olderThanMs);
    for (const member of surplus) this.remove(member);
    return surplus;
  }

  /** False when somebody has taken it before. */
  remove(member: Member): boolean {
    const at = this.#members.indexOf(member);
    if (at >= 0) this.#members.splice(at, 1);
    return at >= 0;
  }

  /** Resolves once the floor stands; rejects with the next failure to make one. */
  whole(): Promise<void> {
    if (this.ready >= this.floor) return Promise.resolve();
    const watcher = Promise.withResolvers<void>();
    this.#watchers.add(watcher);
    return watcher.promise.finally(() => this.#watchers.delete(watcher));
  }

  tellWatchers(failure?: unknown): void {
    if (failure === undefined && this.ready < this.floor) return;
    for (const { resolve, reject } of this.#watchers) {
      if (failure === undefined) resolve();
      else reject(failure);
    }
  }

  describe(nowMs: number, poolCeiling: number): WarmStock {
    const { kinds, spec, policy } = this.request;
    const { failure } = this.backoff;
    return {
      image: spec.image,
      kinds,
      ...(policy === '' ? {} : { policy }),
      ready: this.ready,
      making: this.making,
      target: this.target(nowMs, poolCeiling),
      ...(failure === undefined ? {} : { failure }),
    };
  }
}
