import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeError, GloveboxError, type Journal, type JournalEvent, type TenantCaches } from '../../contracts/index.ts';
import { readIfThere, writeWhole } from '../whole-file.ts';
import { TENANTS_STREAM } from './tenants-stream.ts';

export interface MachineErasuresOptions {
  readonly journal: Journal;
  /** How far this machine has come is in it: the number of an event. Without it, it begins again. */
  readonly file: string;
  readonly caches: Pick<TenantCaches, 'forget'>;
}

/** Whatever is erased on any machine is forgotten on this one. */
export class MachineErasures {
  readonly #options: MachineErasuresOptions;

  constructor(options: MachineErasuresOptions) {
    this.#options = options;
  }

  /** Forgets what was erased since it was last done here. Errors: `journal_failed`. */
  async catchUp(): Promise<void> {
    const { journal } = this.#options;
    for (const event of await journal.read(TENANTS_STREAM, await this.#seen())) await this.#heard(event);
  }

  /** The same, and then as it happens, until the signal fires. Errors: `journal_failed`. */
  async follow(signal: AbortSignal): Promise<void> {
    for await (const event of this.#options.journal.follow(TENANTS_STREAM, { afterSeq: await this.#seen(), signal })) await this.#heard(event);
  }

  async #heard(event: JournalEvent): Promise<void> {
    if (event.type !== 'erasure.ended') return;
    const { file, caches } = this.#options;
    const { tenant } = event.data;
    try {
      await caches.forget(tenant);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeWhole(file, `${event.seq}\n`);
    } catch (error) {
      throw new GloveboxError('journal_failed', `what is held here of ${tenant}, who is erased, could not be thrown away: ${describeError(error)}`, { cause: error, details: { tenant } });
    }
  }

  async #seen(): Promise<number> {
    return Number((await readIfThere(this.#options.file))?.toString() ?? 0) || 0;
  }
}
