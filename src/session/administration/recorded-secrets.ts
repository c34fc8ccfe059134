import type { Journal, Principal } from '../../contracts/index.ts';

/** Secrets at rest: what is in one is never told here. */
interface KeptSecrets {
  set(name: string, value: string): Promise<void>;
  list(): Promise<readonly { readonly name: string; readonly setMs: number }[]>;
  remove(name: string): Promise<void>;
}

const STREAM = 'administration';

/** Secrets as an administrator keeps them: what he did is written down, and never a value. */
export class RecordedSecrets {
  readonly #secrets: KeptSecrets;
  readonly #journal: Journal;

  constructor({ secrets, journal }: { readonly secrets: KeptSecrets; readonly journal: Journal }) {
    this.#secrets = secrets;
    this.#journal = journal;
  }

  /** Errors: `journal_failed`, and those of the store. */
  async set(name: string, value: string, { name: by, tenant }: Principal): Promise<void> {
    await this.#secrets.set(name, value);
    await this.#journal.append(STREAM, [{ type: 'secret.set', data: { name, by, tenant } }], { durable: true });
  }

  /** Their names, and when they were set. */
  list(): ReturnType<KeptSecrets['list']> {
    return this.#secrets.list();
  }

  /** Errors: `journal_failed`, and those of the store. */
  async remove(name: string, { name: by, tenant }: Principal): Promise<void> {
    await this.#secrets.remove(name);
    await this.#journal.append(STREAM, [{ type: 'secret.removed', data: { name, by, tenant } }], { durable: true });
  }
}
