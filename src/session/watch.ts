import { GloveboxError, type OutputFilter, type Redactor } from '../contracts/index.ts';
import type { Alarms } from './alarms.ts';
import type { WayOut } from './way-out.ts';

/** Where something came up: `{ command }`, `{ call }`, `{ sandbox }`. */
type Evidence = Readonly<Record<string, string>>;

interface WatchOptions {
  /** It knows what is lent and what was planted; without one there is nothing of either. */
  readonly way: () => WayOut | undefined;
  readonly redactor: Redactor;
  readonly alarms: Alarms;
}

/** Looks at what comes out of a session's sandboxes for what has no business there: secrets that were lent, and canaries. */
export class Watch {
  readonly #options: WatchOptions;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** For one channel of a command or a call. See `Egress.outputFilter`. */
  outputFilter(evidence: Evidence): OutputFilter | undefined {
    const { way, alarms } = this.#options;
    return way()?.outputFilter((canary) => alarms.canaryIn(canary, 'output', evidence));
  }

  /** A value as it may be shown: without what is known to be secret. */
  cleaned<T>(value: T, evidence: Evidence): T {
    const { way, alarms, redactor } = this.#options;
    for (const canary of way()?.canariesIn(JSON.stringify(value)) ?? []) alarms.canaryIn(canary, 'output', evidence);
    return redactor.known(value);
  }

  /** By where they were planted; each is an anomaly. */
  canariesInPatch(patch: string): readonly string[] {
    const names = this.#options.way()?.canariesIn(patch) ?? [];
    for (const name of names) this.#options.alarms.canaryIn(name, 'patch');
    return names;
  }

  /** Files that are to be kept, as they pass. Errors: `denied` where a secret that was lent is in them. */
  async *keepable<T extends Uint8Array>(chunks: AsyncIterable<T>, evidence: Evidence): AsyncGenerator<T> {
    const look = this.#options.way()?.secretSight();
    for await (const chunk of chunks) {
      const credential = look?.(chunk);
      if (credential !== undefined) {
        this.#options.alarms.secretIn(credential, evidence);
        throw new GloveboxError('denied', `the files in it are not kept: the value of the credential ${credential} is in one of them, and no secret is written down here; take it out, and put its placeholder there`, { details: { rule: 'secrets', credential } });
      }
      yield chunk;
    }
  }
}
