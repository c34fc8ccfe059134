import type { AppendObserver, Clock, Degradation, JournalEvent } from '../contracts/index.ts';

export interface DegradationSources {
  readonly clock: Clock;
  /** The kinds of sandboxes of this machine. */
  readonly kinds: () => Promise<readonly { readonly kind: string; readonly available: boolean; readonly detail: string }[]>;
  /** Who has stopped everything, if somebody has. */
  readonly stoppedBy: () => Promise<string | undefined>;
}

/** So long something that failed once counts. */
const RECENT_MS = 5 * 60_000;

/** What does not work as it should while the rest goes on: what this process saw of late, and what it finds when it looks. */
export class Degradations implements AppendObserver {
  readonly #sources: DegradationSources;
  readonly #usable = new Set<string>();
  readonly #known = new Map<string, { readonly text: string; readonly untilMs: number }>();

  constructor(sources: DegradationSources) {
    this.#sources = sources;
  }

  appended(events: readonly JournalEvent[]): void {
    if (events.length > 0) this.#known.delete('journal');
    for (const event of events) this.#see(event);
  }

  failed(error: unknown): void {
    // Whoever was overtaken, or taken for dead, has a store that works.
    if (!(error instanceof Error && 'code' in error && (error.code === 'journal_failed' || error.code === 'disk_full'))) return;
    this.#known.set('journal', { text: 'the journal did not take what was appended: nothing that has to be written down is done', untilMs: Number.POSITIVE_INFINITY });
  }

  async now(): Promise<readonly Degradation[]> {
    const now = this.#sources.clock.now();
    for (const [what, { untilMs }] of this.#known) if (untilMs <= now) this.#known.delete(what);
    return [...(await this.#lostKinds()), ...(await this.#stopped()), ...[...this.#known].map(([what, { text }]) => ({ what, text }))];
  }

  /** What was never there is not missed. */
  async #lostKinds(): Promise<readonly Degradation[]> {
    const kinds = await this.#sources.kinds();
    for (const { kind, available } of kinds) if (available) this.#usable.add(kind);
    return kinds.filter(({ kind, available }) => !available && this.#usable.has(kind)).map(({ kind, detail }) => ({ what: `kind:${kind}`, text: detail }));
  }

  /** A journal that cannot be asked is told of already. */
  async #stopped(): Promise<readonly Degradation[]> {
    const by = await this.#sources.stoppedBy().catch(() => undefined);
    return by === undefined ? [] : [{ what: 'stopped', text: `${by} has stopped everything: nothing begins` }];
  }

  #see(event: JournalEvent): void {
    const { now } = this.#sources.clock;
    switch (event.type) {
      case 'model.fell_back':
        this.#known.set('model', { text: `${event.data.from} cannot be had: ${event.data.to} is asked instead`, untilMs: event.data.untilMs });
        return;
      case 'policy.changed':
        if (event.data.refused === undefined) this.#known.delete('policy');
        else this.#known.set('policy', { text: `the policy ${event.data.policy} is that of before: ${event.data.refused}`, untilMs: Number.POSITIVE_INFINITY });
        return;
      case 'notification.failed':
        this.#known.set('notifications', { text: `the channel ${event.data.channel} does not take messages: ${event.data.why}`, untilMs: now() + RECENT_MS });
        return;
      case 'notification.sent':
        this.#known.delete('notifications');
        return;
      default:
    }
  }
}
