import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setInterval } from 'node:timers/promises';

import { GloveboxError } from '../contracts/index.ts';
import { cancelled } from './cancellation.ts';
import type { ScratchRepository } from './object-store.ts';
import { remoteGit, type RemoteOptions } from './remote-git.ts';
import { quoted } from './tree-path.ts';
import { formatBytes } from './workspace-limits.ts';

const LOOK_EVERY_MS = 250;
/** What a fetch gives. */
export const FETCHED = 'refs/heads/fetched';

export interface FetchOptions extends RemoteOptions {
  /** A ref of the other side. */
  readonly from: string;
  /** In commits. */
  readonly depth: number;
  readonly maxBytes: number;
}

/** Fetches one ref into a git directory of ours, as `FETCHED`. Errors: `repository_too_large`, and those of `remoteGit`. */
export async function fetchRemote(scratch: ScratchRepository, url: string, { from, depth, maxBytes, ...options }: FetchOptions): Promise<void> {
  using stop = new SizeWatch(scratch.objects, maxBytes, options.signal);
  try {
    await remoteGit(scratch, url, ['fetch', '--quiet', `--depth=${depth}`, '--no-tags', '--no-recurse-submodules', '--', url, `+${from}:${FETCHED}`], { ...options, signal: stop.signal });
  } catch (error) {
    if (options.signal?.aborted === true) throw cancelled(options.signal);
    if (stop.exceeded) throw tooLarge(url, maxBytes);
    throw error;
  }
}

/** Nothing in git bounds what a fetch receives, so the folder is looked at while it grows. */
class SizeWatch implements Disposable {
  readonly #tooMuch = new AbortController();
  readonly #done = new AbortController();
  readonly signal: AbortSignal;

  constructor(objects: string, maxBytes: number, signal: AbortSignal | undefined) {
    this.signal = AbortSignal.any(signal === undefined ? [this.#tooMuch.signal] : [this.#tooMuch.signal, signal]);
    void this.#watch(join(objects, 'pack'), maxBytes);
  }

  get exceeded(): boolean {
    return this.#tooMuch.signal.aborted;
  }

  async #watch(folder: string, maxBytes: number): Promise<void> {
    try {
      for await (const _ of setInterval(LOOK_EVERY_MS, undefined, { signal: this.#done.signal })) {
        if ((await folderBytes(folder)) > maxBytes) this.#tooMuch.abort();
      }
    } catch {
      // The watch was ended.
    }
  }

  [Symbol.dispose](): void {
    this.#done.abort();
  }
}

async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function tooLarge(url: string, maxBytes: number): GloveboxError {
  const limit = formatBytes(maxBytes);
  return new GloveboxError('repository_too_large', `${quoted(url)} sends more than ${limit}: clone what is needed yourself and give the clone's path`);
}
