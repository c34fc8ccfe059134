import { GloveboxError, type Journal, type NewEvent } from '../../contracts/index.ts';

const STREAM = 'administration';
/** Who is overtaken reads again; each time somebody has got on. */
const ATTEMPTS = 20;

/** What the operator changed outside of us, in files: written down once, by whichever process finds it first. */
export class RecordedChanges {
  readonly #journal: Journal;
  /** What stood in each file, and was each policy, when it was last written down. */
  readonly #known = new Map<string, string>();
  #seq = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** The hash of each file as it is now, undefined where there is none. Errors: `journal_failed`. */
  async files(now: Readonly<Record<string, string | undefined>>, by: string): Promise<void> {
    await this.#write(() =>
      Object.entries(now).flatMap(([file, hash]): NewEvent[] => (this.#known.get(fileKey(file)) === hash ? [] : [{ type: 'config.changed', data: { file, by, ...(hash === undefined ? {} : { hash }) } }])),
    );
  }

  /** Errors: `journal_failed`. */
  async policy(policy: string, hash: string, refused?: string): Promise<void> {
    await this.#write(() => (this.#known.get(policyKey(policy)) === policyValue(hash, refused) ? [] : [{ type: 'policy.changed', data: { policy, hash, ...(refused === undefined ? {} : { refused }) } }]));
  }

  async #write(changes: () => readonly NewEvent[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#read();
      const events = changes();
      if (events.length === 0) return;
      try {
        await this.#journal.append(STREAM, events, { expect: this.#seq, durable: true });
        return;
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof GloveboxError) || error.code !== 'journal_moved') throw error;
      }
    }
  }

  async #read(): Promise<void> {
    for (const event of await this.#journal.read(STREAM, this.#seq)) {
      if (event.seq <= this.#seq) continue;
      this.#seq = event.seq;
      if (event.type === 'policy.changed') this.#known.set(policyKey(event.data.policy), policyValue(event.data.hash, event.data.refused));
      if (event.type !== 'config.changed') continue;
      const { file, hash } = event.data;
      if (hash === undefined) this.#known.delete(fileKey(file));
      else this.#known.set(fileKey(file), hash);
    }
  }
}

function fileKey(file: string): string {
  return `file ${file}`;
}

function policyKey(policy: string): string {
  return `policy ${policy}`;
}

function policyValue(hash: string, refused = ''): string {
  return `${hash} ${refused}`;
}
