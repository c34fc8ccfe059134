import type { JournalEvent } from '../../contracts/index.ts';

/** The types of events that usage is read from, beside the books of budgets. */
export const USAGE_EVENTS = ['session.opened', 'session.closed', 'sandbox.created', 'sandbox.adopted', 'sandbox.gone', 'command.ended', 'javascript.ended', 'call.ended'] as const;
export type UsageEvent = JournalEvent<(typeof USAGE_EVENTS)[number]>;

/** What somebody did within a time. Whole numbers; seconds of sandboxes are those of the clock on the wall, begun ones count. */
export interface Activity {
  readonly commands: number;
  /** JavaScript in isolates, and calls of interpreters. */
  readonly programs: number;
  readonly sandboxes: number;
  readonly sandboxSeconds: number;
}

interface Sandbox {
  readonly user: string;
  readonly sinceMs: number;
}

const NOTHING: Activity = { commands: 0, programs: 0, sandboxes: 0, sandboxSeconds: 0 };

/** What users did from one moment to another, read from streams one after the other. */
export class UsageFold {
  readonly #fromMs: number;
  readonly #untilMs: number;
  readonly #users = new Map<string, Activity>();
  readonly #open = new Map<string, Sandbox>();
  #stream = '';
  #user = '';
  #lastMs = 0;

  constructor({ fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number }) {
    this.#fromMs = fromMs;
    this.#untilMs = untilMs;
  }

  /** Of each stream all events of `USAGE_EVENTS`, in order, and then those of the next. */
  apply(event: UsageEvent): void {
    if (event.stream !== this.#stream) this.#begin(event.stream);
    // Whoever died before it could close its session had its sandboxes until about the last thing that it wrote: they end without it.
    if (event.type === 'session.opened') this.#closeAll(this.#lastMs);
    this.#lastMs = event.timeMs;
    const isWithin = event.timeMs >= this.#fromMs && event.timeMs < this.#untilMs;
    switch (event.type) {
      case 'session.opened':
        this.#user = event.data.principal;
        return;
      case 'sandbox.created':
        if (isWithin) this.#add({ sandboxes: 1 });
        return this.#hold(event);
      case 'sandbox.adopted':
        return this.#hold(event);
      case 'sandbox.gone':
        return this.#close(event.data.sandbox, event.timeMs);
      case 'session.closed':
        return this.#closeAll(event.timeMs);
      case 'command.ended':
        return isWithin ? this.#add({ commands: 1 }) : undefined;
      case 'javascript.ended':
      case 'call.ended':
        return isWithin ? this.#add({ programs: 1 }) : undefined;
    }
  }

  /** By user. What is open still counts until the last thing that was written of it. */
  result(): ReadonlyMap<string, Activity> {
    this.#begin('');
    return this.#users;
  }

  #begin(stream: string): void {
    this.#closeAll(this.#lastMs);
    this.#stream = stream;
    this.#user = '';
  }

  #hold({ data, timeMs }: JournalEvent<'sandbox.created' | 'sandbox.adopted'>): void {
    this.#open.set(data.sandbox, { user: this.#user, sinceMs: timeMs });
  }

  #closeAll(timeMs: number): void {
    for (const sandbox of this.#open.keys()) this.#close(sandbox, timeMs);
  }

  #close(sandbox: string, timeMs: number): void {
    const open = this.#open.get(sandbox);
    if (open === undefined) return;
    this.#open.delete(sandbox);
    const withinMs = Math.min(timeMs, this.#untilMs) - Math.max(open.sinceMs, this.#fromMs);
    if (withinMs > 0) this.#add({ sandboxSeconds: Math.ceil(withinMs / 1000) }, open.user);
  }

  #add(more: Partial<Activity>, user = this.#user): void {
    const { commands, programs, sandboxes, sandboxSeconds } = this.#users.get(user) ?? NOTHING;
    this.#users.set(user, {
      commands: commands + (more.commands ?? 0),
      programs: programs + (more.programs ?? 0),
      sandboxes: sandboxes + (more.sandboxes ?? 0),
      sandboxSeconds: sandboxSeconds + (more.sandboxSeconds ?? 0),
    });
  }
}
