import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setInterval } from 'node:timers/promises';

import { describeError, GloveboxError, type TreeId } from '../contracts/index.ts';
import { cancelled } from './cancellation.ts';
import { checkCaptureLimits } from './capture-limits.ts';
import { isLfsPointer, LFS_NOTE, MAX_LFS_POINTER_BYTES } from './lfs-pointer.ts';
import type { Notes } from './notes.ts';
import type { ObjectStore, ScratchRepository } from './object-store.ts';
import type { FetchProtocol } from './repository-source.ts';
import { readFiles } from './tree-content.ts';
import { isTreeMode, wholeContent, type TreeFile } from './tree-file.ts';
import { treeId } from './tree-id.ts';
import { importTree } from './tree-import.ts';
import { listTree, type TreeLine } from './tree-listing.ts';
import { isForbiddenLink, pathProblem, quoted } from './tree-path.ts';
import { formatBytes, type WorkspaceLimits } from './workspace-limits.ts';

/** What a fetch may need to know of the operator's network. Nothing else of their environment is passed on. */
const PROXIES = ['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'];
const NETWORK_VARIABLES = [...PROXIES, 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO'];
const SILENCE_MS = 60_000;
const LOOK_EVERY_MS = 250;

export interface RemoteCaptureOptions {
  readonly protocols: readonly FetchProtocol[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly limits: WorkspaceLimits;
  readonly notes: Notes;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The files of a remote repository's HEAD. They are fetched into a git directory that is thrown away, never checked out, and
 * come into the store one by one like the files of any other source: what the other side sent stays outside.
 */
export async function captureRemote(store: ObjectStore, url: string, options: RemoteCaptureOptions): Promise<TreeId> {
  const { limits, signal } = options;
  await using scratch = await store.scratch({ objects: 'own' });
  await fetchHead(scratch, url, options);
  const { stdout } = await scratch.run(['rev-parse', '--verify', 'refs/heads/fetched^{tree}'], { signal });
  const lines = await listTree(scratch, treeId(stdout.toString('latin1').trim()), { signal, sizes: true });
  const kept = lines.filter((line) => canStand(line, options.notes));
  checkCaptureLimits(kept.map(({ path = '', sizeBytes }) => ({ path, sizeBytes })), limits);
  if (kept.length === 0) throw new GloveboxError('repository_invalid', `${quoted(url)} holds no files`);
  return await importTree(store, noteLfs(readFiles(scratch, kept, signal), options.notes), { signal });
}

/** simple-git, because here and nowhere else a user's text reaches git's command line: it refuses options and transports that run programs. */
async function fetchHead(scratch: ScratchRepository, url: string, options: RemoteCaptureOptions): Promise<void> {
  using stop = new SizeWatch(scratch.objects, options.limits.maxBytes, options.signal);
  const env = { ...scratch.environment, ...pick(options.environment), GIT_ALLOW_PROTOCOL: options.protocols.join(':') };
  // Both are refused because they can open things; here they close them.
  const unsafe = { allowUnsafeConfigPaths: true, allowUnsafeProtocolOverride: true };
  try {
    const { simpleGit } = await import('simple-git');
    await simpleGit({ baseDir: scratch.directory, abort: stop.signal, timeout: { block: SILENCE_MS }, allowEnvironment: Object.keys(env), unsafe })
      .env(env)
      .raw(['fetch', '--quiet', '--depth=1', '--no-tags', '--no-recurse-submodules', '--', url, '+HEAD:refs/heads/fetched']);
  } catch (cause) {
    if (options.signal?.aborted === true) throw cancelled(options.signal);
    if (stop.exceeded) throw tooLarge(url, options.limits.maxBytes);
    const words = describeError(cause).trim().replaceAll(/[\p{Cc}\s]+/gu, ' ').slice(0, 500);
    const message = `${quoted(url)} could not be fetched: ${words}. If it is private, clone it yourself and give the clone's path`;
    throw new GloveboxError('repository_invalid', message, { cause });
  }
}

function pick(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(NETWORK_VARIABLES.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])));
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

/** A tree that someone else made may hold names that no git would check out. */
function canStand({ mode, path }: TreeLine, notes: Notes): boolean {
  if (path === undefined) notes.add('names that are not UTF-8 are left out', '(unreadable)');
  else if (mode === '160000') notes.add('repositories inside the repository (submodules too) are left out', path);
  else if (pathProblem(path) !== undefined) notes.add(`files are left out because of their name (${pathProblem(path)})`, path);
  else if (!isTreeMode(mode) || (mode === '120000' && isForbiddenLink(path))) notes.add('symbolic links that a tree must not hold are left out', path);
  else return true;
  return false;
}

async function* noteLfs(files: AsyncIterable<TreeFile>, notes: Notes): AsyncGenerator<TreeFile> {
  for await (const file of files) {
    if (file.sizeBytes > MAX_LFS_POINTER_BYTES) {
      yield file;
      continue;
    }
    const content = Buffer.concat(await Array.fromAsync(file.content));
    if (isLfsPointer(content)) notes.add(LFS_NOTE, file.path);
    yield { ...file, content: wholeContent(content) };
  }
}

function tooLarge(url: string, maxBytes: number): GloveboxError {
  const limit = formatBytes(maxBytes);
  return new GloveboxError('repository_too_large', `${quoted(url)} sends more than ${limit}: clone what is needed yourself and give the clone's path`);
}
