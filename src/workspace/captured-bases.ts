import { hash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monthOf, type TreeId } from '../contracts/index.ts';
import { readDataFile } from './data-file.ts';
import type { ObjectStore } from './object-store.ts';
import type { TreePacks } from './tree-packs.ts';
import { readTreeName } from './tree-id.ts';

const MAX_RECORD_BYTES = 256;
/** Another process may not have written it to its end. */
const RECORD = /^(?<month>\d{4,6}-\d\d) (?<tree>\S+)\n$/;

/**
 * What each repository was first captured as in a month, which is kept whole: of later captures only what is new since. Not longer than a month, because blobs are thrown away
 * by the month that they are of: none may stand on one that goes sooner.
 */
export class CapturedBases {
  readonly #folder: string;
  readonly #packs: TreePacks;
  readonly #now: () => number;

  constructor(store: ObjectStore, packs: TreePacks, now: () => number) {
    // It goes when the store goes.
    this.#folder = join(store.repository.directory, 'captured');
    this.#packs = packs;
    this.#now = now;
  }

  /** Keeps what was captured of a repository, a path or an address. */
  async keep(repository: string, tree: TreeId, signal: AbortSignal | undefined): Promise<TreeId> {
    const file = join(this.#folder, hash('sha256', repository));
    // Before it is kept: what is kept around midnight is of the month that ends, or not stood on.
    const month = monthOf(this.#now());
    const base = await this.#base(file, month);
    const kept = await this.#packs.keep(tree, { onto: base, signal });
    if (base === undefined && readTreeName(kept).blob !== undefined) {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(file, `${month} ${kept}\n`);
    }
    return kept;
  }

  /** Undefined where there is none of this month, or nobody can read it any more. */
  async #base(file: string, month: string): Promise<TreeId | undefined> {
    const record = RECORD.exec((await readDataFile(file, MAX_RECORD_BYTES))?.toString('utf8') ?? '')?.groups;
    if (record?.['month'] !== month) return undefined;
    // A name went in, a name comes out.
    const tree = record['tree'] as TreeId;
    return (await this.#packs.isKept(tree)) ? tree : undefined;
  }
}
