import type { JournalEvent } from '../../contracts/index.ts';

type State = 'running' | 'paused';

/** The sandboxes that sessions of this process have, by kind and state: a fold over what it appends. */
export class LiveSandboxes {
  readonly #live = new Map<string, { readonly kind: string; state: State }>();

  apply(event: JournalEvent): void {
    switch (event.type) {
      case 'sandbox.created':
        this.#live.set(event.data.sandbox, { kind: event.data.kind, state: 'running' });
        return;
      case 'sandbox.adopted':
        this.#live.set(event.data.sandbox, { kind: 'adopted', state: 'running' });
        return;
      case 'sandbox.paused':
      case 'sandbox.resumed': {
        const sandbox = this.#live.get(event.data.sandbox);
        if (sandbox !== undefined) sandbox.state = event.type === 'sandbox.paused' ? 'paused' : 'running';
        return;
      }
      case 'sandbox.gone':
        this.#live.delete(event.data.sandbox);
        return;
      default:
    }
  }

  *counts(): Iterable<{ readonly kind: string; readonly state: State; readonly count: number }> {
    const counts = new Map<string, { kind: string; state: State; count: number }>();
    for (const { kind, state } of this.#live.values()) {
      const key = `${kind} ${state}`;
      const known = counts.get(key) ?? { kind, state, count: 0 };
      known.count += 1;
      counts.set(key, known);
    }
    yield* counts.values();
  }
}
