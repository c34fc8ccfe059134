import { GloveboxError, type Journal } from '../../contracts/index.ts';

/** Streams in which sessions are written down. */
const OF_SESSIONS = /^(?:run|ses)_/;
/** Streams that are looked through at a time, newest first. */
const PAGE = 200;

/** Which snapshots are whose. Snapshots are blobs, named by what is in them, and blobs are everybody's: only the journal knows who took one. */
export class OwnSnapshots {
  readonly #journal: Pick<Journal, 'streams' | 'scan'>;
  readonly #known = new Set<string>();

  constructor(journal: Pick<Journal, 'streams' | 'scan'>) {
    this.#journal = journal;
  }

  /** Errors: `not_found` for one that nobody of this tenant took. */
  async demand(snapshot: string, tenant: string): Promise<void> {
    const key = `${tenant} ${snapshot}`;
    if (!this.#known.has(key) && !(await this.#wasTaken(snapshot, tenant))) throw new GloveboxError('not_found', `there is no snapshot ${snapshot}`);
    this.#known.add(key);
  }

  async #wasTaken(snapshot: string, tenant: string): Promise<boolean> {
    const streams = (await this.#journal.streams({ tenant })).map(({ stream }) => stream).filter((stream) => OF_SESSIONS.test(stream));
    for (let at = 0; at < streams.length; at += PAGE) {
      for await (const { data } of this.#journal.scan(['sandbox.snapshot'], { streams: streams.slice(at, at + PAGE) })) if (data.blob === snapshot) return true;
    }
    return false;
  }
}
