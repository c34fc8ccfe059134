import { type FileEntry, type TreeId, WORKSPACE, type Workspace } from '../contracts/index.ts';
import type { GovernedSandbox } from '../session/index.ts';

/** What a file was when it was listed, by its path. */
export type Stamps = ReadonlyMap<string, string>;

/** A file that was written so shortly before it was listed may be written again without a sign of it: clocks of file systems tick every few milliseconds. */
const TICK_NS = 50_000_000n;

/** The tree that a sandbox's workspace is taken into again and again: over the wire comes what has changed since. */
export class FollowedTree {
  readonly #workspace: Workspace;
  #tree: TreeId | undefined;
  /** What the tree has; undefined where nobody has looked. */
  #paths: readonly string[] | undefined;
  /** Of the listing that `#tree` fits; undefined where that is not known. */
  #stamps: Stamps | undefined;

  /** `tree`: what it was when it was last taken, in this sandbox or another; nothing of it is known to be in the sandbox until `isNow`. */
  constructor(workspace: Workspace, tree: TreeId | undefined) {
    this.#workspace = workspace;
    this.#tree = tree;
  }

  get tree(): TreeId | undefined {
    return this.#tree;
  }

  /** The sandbox holds the tree, and this was listed there. */
  isNow(stamps: Stamps): void {
    this.#stamps = stamps;
  }

  /** Takes these paths, all that belong to the tree, of a listing. Errors: those of `Workspace.store` and of packing, after which the tree is what it was. */
  async take(sandbox: GovernedSandbox, paths: readonly string[], stamps: Stamps, signal: AbortSignal): Promise<TreeId> {
    const known = this.#stamps;
    const tree = this.#tree === undefined ? await this.#store(sandbox, paths, signal) : await this.#update(sandbox, this.#tree, { paths, stamps, known, signal });
    this.#tree = tree;
    this.#paths = paths;
    this.#stamps = stamps;
    return tree;
  }

  async #store(sandbox: GovernedSandbox, paths: readonly string[], signal: AbortSignal): Promise<TreeId> {
    return this.#workspace.store(await sandbox.files.pack(WORKSPACE, { paths, signal, kept: true }), paths, signal);
  }

  async #update(sandbox: GovernedSandbox, tree: TreeId, { paths, stamps, known, signal }: { paths: readonly string[]; stamps: Stamps; known: Stamps | undefined; signal: AbortSignal }): Promise<TreeId> {
    const changed = paths.filter((path) => !isUnchanged(known?.get(path), stamps.get(path)));
    const present = new Set(paths);
    const removed = (this.#paths ?? (await this.#workspace.files(tree, signal))).filter((path) => !present.has(path));
    if (changed.length + removed.length === 0) return tree;
    return this.#workspace.update(tree, await sandbox.files.pack(WORKSPACE, { paths: changed, signal, kept: true }), { paths: changed, removed }, signal);
  }
}

/** `nowMs`: before they were listed. */
export function stampsOf(entries: readonly FileEntry[], nowMs: number): Stamps {
  const settledBefore = BigInt(Math.floor(nowMs)) * 1_000_000n - TICK_NS;
  const files = entries.filter(({ type }) => type !== 'directory');
  return new Map(files.map(({ path, type, mode, sizeBytes, modifiedNs, inode, target }) => [path, modifiedNs < settledBefore ? [type, mode, sizeBytes, modifiedNs, inode, target ?? ''].join('\0') : UNSETTLED]));
}

/** Whether nothing has changed from one listing to another. */
export function isSame(before: Stamps | undefined, after: Stamps): boolean {
  return before?.size === after.size && [...after].every(([path, stamp]) => isUnchanged(before.get(path), stamp));
}

function isUnchanged(before: string | undefined, after: string | undefined): boolean {
  return after !== UNSETTLED && before === after;
}

const UNSETTLED = '';
