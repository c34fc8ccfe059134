import { GloveboxError, type Journal, type JournalEvent, type TenantCaches, type TenantFile } from '../../contracts/index.ts';
import type { BlobFiles } from '../blob-files.ts';
import { CountedChunks } from '../folder-blobs.ts';
import type { PayloadKeys } from '../seal/payload-keys.ts';
import { isOfTenant } from '../seal/payload-tenant.ts';
import { filesOf } from '../seal/sealed-blobs.ts';
import { openPieces, readHeader } from '../seal/sealed-stream.ts';

/** Streams of what a tenant has spent. */
const BOOKS = 'budget:';

/** How much there was. */
export interface ExportCounts {
  streams: number;
  events: number;
  blobs: number;
  erased: number;
}

interface TenantExportOptions {
  readonly journal: Journal;
  readonly keys: PayloadKeys;
  readonly files: BlobFiles;
  readonly caches: TenantCaches;
}

/** All of a tenant: a file of events a stream, a file a blob, and what the installation's own books say of him. */
export class TenantExport {
  readonly counts: ExportCounts = { streams: 0, events: 0, blobs: 0, erased: 0 };
  readonly #options: TenantExportOptions;
  readonly #tenant: string;

  constructor(options: TenantExportOptions, tenant: string) {
    this.#options = options;
    this.#tenant = tenant;
  }

  async *streams(): AsyncIterable<TenantFile> {
    const { journal } = this.#options;
    for (const { stream } of await journal.streams({ tenant: this.#tenant })) {
      if (!isOfTenant(stream) && !stream.startsWith(BOOKS)) continue;
      this.counts.streams++;
      yield { path: `streams/${stream}.ndjson`, content: this.#lines(await journal.read(stream)) };
    }
  }

  /** Of streams that are about all tenants, what is about this one. */
  async *books(): AsyncIterable<TenantFile> {
    const types = ['api_key.created', 'control.stopped', 'control.lifted', 'queue.offered', 'tenant.exported', 'erasure.begun', 'erasure.ended'] as const;
    const about: JournalEvent[] = [];
    for await (const event of this.#options.journal.scan(types)) if (this.#isAbout(event)) about.push(event);
    if (about.length > 0) yield { path: 'installation.ndjson', content: this.#lines(about) };
  }

  /** Each is read twice, so that none has to fit into memory: for its name, and for what is in it. */
  async *blobs(): AsyncIterable<TenantFile> {
    for await (const name of filesOf(this.#tenant, this.#options.files)) {
      const counted = new CountedChunks(this.#contentOf(name));
      try {
        for await (const _ of counted.chunks());
      } catch (error) {
        if (!(error instanceof GloveboxError) || error.code !== 'erased') throw error;
        this.counts.erased++;
        continue;
      }
      this.counts.blobs++;
      yield { path: `blobs/${counted.hash.replace(':', '-')}`, content: this.#contentOf(name) };
    }
  }

  async *summary(timeMs: number): AsyncIterable<TenantFile> {
    const registryCache = await this.#options.caches.size(this.#tenant);
    const text = JSON.stringify({ tenant: this.#tenant, exported: new Date(timeMs).toISOString(), ...this.counts, registryCache }, undefined, 2);
    yield { path: 'tenant.json', content: once(Buffer.from(`${text}\n`)) };
  }

  async *#contentOf(name: string): AsyncIterable<Uint8Array> {
    const { files, keys } = this.#options;
    const pieces = await files.open(name);
    const found = pieces === undefined ? undefined : await readHeader(pieces);
    if (found === undefined) throw new GloveboxError('journal_tampered', `${name} in ${files.place} is no sealed blob: it was altered`);
    try {
      const key = await keys.opening(found.header.keyId);
      if (key === undefined) throw new GloveboxError('erased', `${name} in ${files.place} was erased`);
      yield* openPieces(key, found.header, found.rest);
    } finally {
      await found.close();
    }
  }

  #isAbout(event: JournalEvent): boolean {
    if (event.type === 'control.stopped' || event.type === 'control.lifted') return event.data.scope.what === 'tenant' && event.data.scope.tenant === this.#tenant;
    return 'tenant' in event.data && event.data.tenant === this.#tenant;
  }

  async *#lines(events: readonly JournalEvent[]): AsyncIterable<Uint8Array> {
    for (const { stream, seq, timeMs, type, data } of events) {
      this.counts.events++;
      if (type === 'erased') this.counts.erased++;
      yield Buffer.from(`${JSON.stringify({ stream, seq, time: new Date(timeMs).toISOString(), type, data: type === 'api_key.created' ? { ...data, hash: undefined } : data })}\n`);
    }
  }
}

async function* once(content: Buffer): AsyncIterable<Uint8Array> {
  yield content;
}
