import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { type Blobs, GloveboxError, type TreeId } from '../contracts/index.ts';
import { ByteReader } from './byte-reader.ts';
import { isFile } from './data-file.ts';
import type { GitRepository } from './git-repository.ts';
import type { ObjectStore } from './object-store.ts';
import { type PackHeader, packHeaderLine, readPackHeader } from './pack-header.ts';
import { sendObjects } from './send-objects.ts';
import { EMPTY_TREE, keptTree, readTreeName } from './tree-id.ts';

/** So many packs follow one another; the next has all that is new since the first, so that nobody ever has to fetch more. */
const MOST_PACKS = 32;
/** A pack of fewer objects is taken apart, as git does with what it fetches: many small packs make it slow. */
const FEW_OBJECTS = 100;
const PACK_START_BYTES = 12;
const CHUNK_BYTES = 2 ** 18;

/**
 * What is new in each tree, as one pack in a blob of its own that names those it stands on. The store is a cache of them: what a tree needs and the store has not comes from there, and
 * what it has whole it has marked.
 */
export class TreePacks {
  readonly #store: ObjectStore;
  readonly #blobs: Blobs | undefined;
  readonly #older: readonly GitRepository[];
  readonly #headers = new LRUCache<string, PackHeader>({ max: 1_000 });

  /** Without `blobs` trees are in the store alone; `older`: stores in which trees may be that are named without a blob. */
  constructor(store: ObjectStore, { blobs, older }: { readonly blobs: Blobs | undefined; readonly older: readonly GitRepository[] }) {
    this.#store = store;
    this.#blobs = blobs;
    this.#older = older;
  }

  /** Keeps a tree that was made in the store, of what `onto` has beside what is new: gives what it is called from now on. When it resolves the tree is whole in its blobs, and durable. */
  async keep(tree: TreeId, { onto, signal }: { readonly onto?: TreeId | undefined; readonly signal?: AbortSignal | undefined } = {}): Promise<TreeId> {
    const before = onto === undefined ? undefined : readTreeName(onto);
    await this.have(tree);
    if (this.#blobs === undefined || tree === EMPTY_TREE) return tree;
    if (onto !== undefined && before?.blob !== undefined && before.tree === tree) return onto;
    const base = before?.blob === undefined ? undefined : await this.#standsOn(before.tree, before.blob, signal);
    const { hash } = await this.#blobs.putStream(this.#pack({ tree, after: base?.packs ?? [] }, base?.tree, signal));
    return keptTree(tree, hash);
  }

  /** Whether the blob that a kept tree is named by is there, and opens. */
  async isKept(name: TreeId): Promise<boolean> {
    const { tree, blob } = readTreeName(name);
    try {
      return blob !== undefined && (await this.#read(blob)).tree === tree;
    } catch (error) {
      if (error instanceof GloveboxError && UNREADABLE.has(error.code)) return false;
      throw error;
    }
  }

  /** A tree was made in the store that nobody else will ask for. */
  async have(tree: TreeId): Promise<TreeId> {
    await this.#mark(tree);
    return tree;
  }

  /** The name in git of a tree that the store has, fetched where it had not. Errors: `not_found`, `erased`, `journal_tampered`, each with the tree's name. */
  async present(name: TreeId, signal?: AbortSignal): Promise<TreeId> {
    const { tree, blob } = readTreeName(name);
    await this.#store.open();
    if (tree === EMPTY_TREE || (await this.#isMarked(tree))) return tree;
    try {
      if (blob === undefined) await this.#copyOlder(tree, signal);
      else await this.#fetch(blob, signal);
      await this.#check(tree, signal);
    } catch (error) {
      if (!(error instanceof GloveboxError) || !UNREADABLE.has(error.code)) throw error;
      throw new GloveboxError(error.code, `the files of the tree ${name} cannot be had: ${error.message}`, { cause: error, details: { ...error.details, tree: name } });
    }
    await this.#mark(tree);
    return tree;
  }

  /** What the next pack after this one need not have. */
  async #standsOn(tree: TreeId, blob: string, signal: AbortSignal | undefined): Promise<{ readonly tree: TreeId; readonly packs: readonly string[] }> {
    const packs = [...(await this.#header(blob)).after, blob];
    const [first = blob] = packs;
    if (packs.length < MOST_PACKS) return { tree, packs };
    const base = readTreeName((await this.#header(first)).tree).tree;
    return { tree: await this.present(keptTree(base, first), signal), packs: [first] };
  }

  async *#pack(header: Omit<PackHeader, 'glovebox'>, without: TreeId | undefined, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    yield packHeaderLine(header);
    // Nothing is tried against anything else: objects go as the store has them.
    await using git = this.#store.repository.start(['pack-objects', '--revs', '--stdout', '--window=0', '--quiet'], { signal });
    const feeding = git.feed(`${header.tree}\n${without === undefined ? '' : `^${without}\n`}`);
    yield* git.stdout as AsyncIterable<Buffer>;
    await feeding;
    await git.end();
  }

  async #fetch(blob: string, signal: AbortSignal | undefined): Promise<void> {
    for (const pack of [...(await this.#header(blob)).after, blob]) {
      if (await this.#isMarked(markOf(pack))) continue;
      await this.#index(pack, signal);
      await this.#mark(markOf(pack));
    }
  }

  async #index(blob: string, signal: AbortSignal | undefined): Promise<void> {
    await using reader = new ByteReader(this.#stream(blob));
    await readPackHeader(reader);
    const start = await reader.exactly(PACK_START_BYTES);
    const isSmall = start.length === PACK_START_BYTES && start.readUInt32BE(8) <= FEW_OBJECTS;
    await this.#store.repository.run(isSmall ? ['unpack-objects', '-q'] : ['index-pack', '--stdin'], { input: rest(start, reader), signal });
  }

  async #header(blob: string): Promise<PackHeader> {
    const header = this.#headers.get(blob) ?? (await this.#read(blob));
    this.#headers.set(blob, header);
    return header;
  }

  async #read(blob: string): Promise<PackHeader> {
    await using reader = new ByteReader(this.#stream(blob));
    return await readPackHeader(reader);
  }

  #stream(blob: string): AsyncIterable<Buffer> {
    if (this.#blobs === undefined) throw new GloveboxError('internal', 'this workspace was opened without a blob store, so it has nowhere to fetch trees from');
    return this.#blobs.getStream(blob);
  }

  /** What an older version kept as it was, of all tenants together. */
  async #copyOlder(tree: TreeId, signal: AbortSignal | undefined): Promise<void> {
    for (const older of this.#older) {
      if (!(await isFile(join(older.directory, 'HEAD')))) continue;
      const { code } = await older.run(['cat-file', '-e', `${tree}^{tree}`], { signal, accept: [0, 1, 128] });
      if (code === 0) return sendObjects(older, this.#store.repository, `${tree}\n`, signal);
    }
    throw new GloveboxError('not_found', 'they were in a store of another machine, or one that was removed');
  }

  async #check(tree: TreeId, signal: AbortSignal | undefined): Promise<void> {
    const { code, stderr } = await this.#store.repository.run(['rev-list', '--objects', '--quiet', tree], { signal, accept: [0, 1, 128] });
    if (code !== 0) throw new GloveboxError('journal_tampered', `its packs are there, and lack an object (${stderr.trim()})`);
  }

  #isMarked(mark: string): Promise<boolean> {
    return isFile(join(this.#store.marks, mark));
  }

  #mark(mark: string): Promise<void> {
    return writeFile(join(this.#store.marks, mark), '');
  }
}

/** What says of a blob that nobody will read it; anything else may go over. */
const UNREADABLE: ReadonlySet<string> = new Set(['not_found', 'erased', 'journal_tampered']);

function markOf(blob: string): string {
  return blob.slice('sha256:'.length);
}

async function* rest(start: Buffer, reader: ByteReader): AsyncGenerator<Buffer> {
  for (let chunk: Buffer | undefined = start; chunk !== undefined; chunk = await reader.some(CHUNK_BYTES)) yield chunk;
}
