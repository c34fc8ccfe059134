import { hash, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import CachePolicy from 'http-cache-semantics';
import type { Provided } from '../credentials/session-credentials.ts';
import type { Asked } from '../egress/asked.ts';
import { pairsOf, type RawHeaders, responseHeaders } from '../egress/headers.ts';
import type { Asker } from '../egress/upstream-connection.ts';
import { AnswerFile, readAnswer } from './answer-file.ts';
import { CachedAnswer } from './cached-answer.ts';
import { KeptAnswer } from './kept-answer.ts';

interface RegistryCacheOptions {
  /** Of one tenant. */
  readonly folder: string;
  /** Of all files in it; the ones that were used longest ago go first. */
  readonly mostBytes: number;
}

/** What a client of a registry says that asks as all of them do. Whoever says more could be answered with something that is only for him, and that all others got then. */
const ORDINARY = /^(?:host|connection|user-agent|accept|accept-encoding|accept-language|cache-control|pragma|npm-\w+|pacote-\w+(?:-\w+)?|npm-in-ci|referer)$/i;
const UNFINISHED = '.unfinished';
/** Whoever wrote it for so long is no more. */
const UNFINISHED_MS = 3_600_000;
/** One of them is no more than such a part of all. */
const PART = 4;
const BLOCK = 4096;

/** Answers of registries, on the disk, for the sessions of one tenant. What it cannot keep or find costs nobody more than asking. */
export class RegistryCache {
  readonly #folder: string;
  readonly #mostBytes: number;
  readonly #writing = new Set<Promise<void>>();
  /** Undefined before it was looked. */
  #bytes: number | undefined;

  constructor({ folder, mostBytes }: RegistryCacheOptions) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#mostBytes = mostBytes;
  }

  /** How one request uses it; undefined where it may not be answered of it, nor its answer be kept: what carries a credential, or goes where one was, never is. */
  for(asked: Asked, provided: Provided): CachedRequest | undefined {
    const isOrdinary = asked.method === 'GET' && !asked.hasBody && !asked.isWebSocket && provided.headers.every(([name]) => ORDINARY.test(name));
    if (asked.registries.length === 0 || !isOrdinary || provided.credentials.length > 0 || provided.scrubber() !== undefined) return undefined;
    const url = `${asked.scheme}://${asked.host}:${asked.port}${provided.path}`;
    const request = { method: 'GET', url, headers: Object.fromEntries(provided.headers.map(([name, value]) => [name.toLowerCase(), value])) };
    const path = join(this.#folder, hash('sha256', url, 'hex'));
    return { answer: () => this.#answer(path, request, asked.host), keeping: (asker) => new KeptAnswer({ asker, begin: (status, headers) => this.#begin(path, request, status, headers), mostBytes: this.#mostBytes / PART, ended: (file, isWhole) => this.#ended(file, isWhole) }) };
  }

  /** When all that was to be kept is. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing);
  }

  async #answer(path: string, request: CachePolicy.HttpRequest, host: string): Promise<CachedAnswer | undefined> {
    const kept = await readAnswer(path);
    if (kept === undefined || !kept.policy.satisfiesWithoutRevalidation(request)) return undefined;
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
    return new CachedAnswer(kept, host);
  }

  #begin(path: string, request: CachePolicy.HttpRequest, status: number, raw: RawHeaders): AnswerFile | undefined {
    const headers: Record<string, string> = {};
    for (const [name, value] of pairsOf(raw)) headers[name.toLowerCase()] = [headers[name.toLowerCase()], value].filter((one) => one !== undefined).join(', ');
    // Nothing is guessed: what an answer does not say of its own life has none.
    const policy = new CachePolicy(request, { status, headers }, { shared: true, cacheHeuristic: 0 });
    if (status !== 200 || 'set-cookie' in headers || !policy.storable() || policy.timeToLive() <= 0) return undefined;
    return new AnswerFile(path, `${path}.${randomUUID()}${UNFINISHED}`, { policy, status, headers: responseHeaders(raw) });
  }

  #ended(file: AnswerFile, isWhole: boolean): void {
    const ending = (isWhole ? file.finish().then(() => this.#grown(file.bytes)) : file.giveUp())
      // A disk that is full, or gone: the program has its answer.
      .catch(() => file.giveUp())
      .catch(() => {})
      .finally(() => this.#writing.delete(ending));
    this.#writing.add(ending);
  }

  async #grown(bytes: number): Promise<void> {
    if (this.#bytes !== undefined) this.#bytes += onDisk(bytes);
    if (this.#bytes === undefined || this.#bytes > this.#mostBytes) await this.#shrink();
  }

  /** Others may write here meanwhile. */
  async #shrink(): Promise<void> {
    const files: { readonly path: string; readonly bytes: number; readonly usedMs: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const seen = await stat(path).catch(() => undefined);
      if (seen === undefined) continue;
      if (name.endsWith(UNFINISHED) && Date.now() - seen.mtimeMs > UNFINISHED_MS) await rm(path, { force: true });
      else files.push({ path, bytes: onDisk(seen.size), usedMs: seen.mtimeMs });
    }
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of files.toSorted((one, other) => one.usedMs - other.usedMs)) {
      if (total <= this.#mostBytes) break;
      await rm(path, { force: true });
      total -= bytes;
    }
    this.#bytes = total;
  }
}

/** What one request may have of it. */
export interface CachedRequest {
  answer(): Promise<CachedAnswer | undefined>;
  /** Whoever asked hears as before; what may be kept of it is. */
  keeping(asker: Asker): Asker;
}

function onDisk(bytes: number): number {
  return Math.ceil(bytes / BLOCK) * BLOCK;
}
