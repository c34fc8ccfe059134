import { ANSWERS_KEPT_MS, type Clock, type Erasure, GloveboxError, type Journal, type NewEvent, type Principal, type Retained, type Tenants } from '../../contracts/index.ts';
import type { BlobFiles } from '../blob-files.ts';
import { type KeyRecord, type KeyScope, readKeyId } from '../seal/key-store.ts';
import type { PayloadKeys } from '../seal/payload-keys.ts';
import { isOfTenant, OPERATOR } from '../seal/payload-tenant.ts';
import { ANSWERS_FOLDER, filesOf } from '../seal/sealed-blobs.ts';
import { readHeader } from '../seal/sealed-stream.ts';
import { livingStreams } from './living-streams.ts';
import { TENANTS_STREAM } from './tenants-stream.ts';
import type { Retention } from './retention-file.ts';

export interface ErasuresOptions {
  readonly journal: Journal;
  readonly keys: PayloadKeys;
  readonly files: BlobFiles;
  readonly clock: Clock;
  readonly retention: () => Promise<Retention>;
}

/** Whoever says when a file was written, as a bucket does, has a clock of his own. */
const SLACK_MS = 900_000;

interface Key {
  readonly id: string;
  readonly scope: KeyScope;
  readonly record: KeyRecord;
}

/**
 * Destroys keys: all of a tenant, or those of months that are too old. Each is written into the journal before it is begun and after it was done; what was begun and cut off is gone on with.
 */
export class Erasures {
  readonly #options: ErasuresOptions;

  constructor(options: ErasuresOptions) {
    this.#options = options;
  }

  async erase(...[tenant, by, { why, stopped = false } = {}]: Parameters<Tenants['erase']>): Promise<Erasure> {
    const { journal, clock } = this.#options;
    const streams = (await journal.streams({ tenant })).filter(({ stream }) => isOfTenant(stream));
    const known = await this.#keysOf(tenant);
    if (streams.length + known.length === 0) throw new GloveboxError('not_found', `there is nothing of a tenant ${tenant}`);
    const living = (await livingStreams(journal, tenant, clock.now())).filter(({ stream }) => !stopped || !stream.startsWith('ses_'));
    if (living.length > 0) throw new GloveboxError('usage', `${named(living.map(({ stream }) => stream))} of ${tenant} have not ended: cancel them first (\`glovebox tenants erase --cancel\` does it)`, { details: { living: living.length } });
    const keys = known.filter(({ record }) => record.state !== 'destroyed').map(({ id }) => id);
    const begun = new Map([[tenant, keys]]);
    await this.#begin(begun, by, why);
    const blobs = await this.#finish(begun, by);
    return { keys: keys.length, blobs, streams: streams.length, unsealed: await this.#readable(tenant) };
  }

  async retain(by: Principal): Promise<Retained> {
    const { journal } = this.#options;
    await this.#finish(await this.#cutOff(), by);
    const tooOld = await this.#tooOld();
    const doomed = new Map<string, readonly string[]>();
    const kept: Retained['kept'][number][] = [];
    for (const [tenant, old] of Map.groupBy(tooOld, ({ scope }) => scope.tenant)) {
      const living = await livingStreams(journal, tenant, this.#options.clock.now());
      const fromMs = Math.min(...living.map(({ firstMs }) => firstMs));
      const free = old.filter(({ scope }) => endOf(scope.month) <= fromMs);
      if (free.length > 0) doomed.set(tenant, free.map(({ id }) => id));
      if (free.length < old.length) kept.push({ tenant, living: living.map(({ stream }) => stream) });
    }
    await this.#begin(doomed, by, 'retention');
    const blobs = await this.#finish(doomed, by);
    return { keys: [...doomed.values()].flat(), blobs, answers: await this.#removeAnswers(), kept };
  }

  async #begin(doomed: ReadonlyMap<string, readonly string[]>, { name: by }: Principal, why?: string): Promise<void> {
    const events = [...doomed].map(([tenant, keys]): NewEvent => ({ type: 'erasure.begun', data: { tenant, by, keys, ...(why === undefined ? {} : { why }) } }));
    await this.#options.journal.append(TENANTS_STREAM, events, { durable: events.length > 0 });
  }

  /** Gives how many blobs were removed. All of it may be done twice. */
  async #finish(doomed: ReadonlyMap<string, readonly string[]>, { name: by }: Principal): Promise<number> {
    const { journal, keys } = this.#options;
    const ids = [...doomed.values()].flat();
    await keys.retire(ids);
    await keys.destroy(ids);
    let removed = 0;
    for (const [tenant, { length }] of doomed) {
      const blobs = await this.#removeErased(tenant);
      await journal.append(TENANTS_STREAM, [{ type: 'erasure.ended', data: { tenant, by, keys: length, blobs } }], { durable: true });
      removed += blobs;
    }
    return removed;
  }

  /** Erasures that were begun and have no end. */
  async #cutOff(): Promise<ReadonlyMap<string, readonly string[]>> {
    const begun = new Map<string, readonly string[]>();
    for await (const event of this.#options.journal.scan(['erasure.begun', 'erasure.ended'], { streams: [TENANTS_STREAM] })) {
      const { tenant } = event.data;
      if (event.type === 'erasure.begun') begun.set(tenant, [...new Set([...(begun.get(tenant) ?? []), ...event.data.keys])]);
      else begun.delete(tenant);
    }
    return begun;
  }

  async #keysOf(tenant?: string): Promise<readonly Key[]> {
    return (await this.#options.keys.store.list(tenant)).flatMap(({ id, record }) => {
      const scope = readKeyId(id);
      return scope === undefined ? [] : [{ id, scope, record }];
    });
  }

  /** Keys of months that have been over for longer than retention says. A retention that was cut off has retired some. */
  async #tooOld(): Promise<readonly Key[]> {
    const { tenants, ...all } = await this.#options.retention();
    const now = this.#options.clock.now();
    return (await this.#keysOf()).filter(({ scope, record }) => {
      if (record.state === 'destroyed' || scope.tenant === OPERATOR || scope.use === 'names') return false;
      const { payloads, blobs } = { ...all, ...tenants[scope.tenant] };
      const ageMs = scope.use === 'events' ? payloads : blobs;
      return ageMs !== undefined && endOf(scope.month) + ageMs <= now;
    });
  }

  /** Files that nobody can read any more. */
  async #removeErased(tenant: string): Promise<number> {
    const { files, keys } = this.#options;
    let removed = 0;
    for await (const name of filesOf(tenant, files)) {
      const pieces = await files.open(name);
      const found = pieces === undefined ? undefined : await readHeader(pieces);
      await found?.close();
      if (found === undefined || (await keys.opening(found.header.keyId)) !== undefined) continue;
      await files.remove(name);
      removed++;
    }
    return removed;
  }

  async #removeAnswers(): Promise<number> {
    const { files, clock } = this.#options;
    const beforeMs = clock.now() - ANSWERS_KEPT_MS - SLACK_MS;
    let removed = 0;
    for await (const { name, writtenMs } of files.list(ANSWERS_FOLDER)) {
      if (writtenMs > beforeMs) continue;
      await files.remove(name);
      removed++;
    }
    return removed;
  }

  async #readable(tenant: string): Promise<number> {
    const { journal } = this.#options;
    let readable = 0;
    for (const { stream } of await journal.streams({ tenant })) {
      if (isOfTenant(stream)) readable += (await journal.read(stream)).filter(({ type }) => type !== 'erased').length;
    }
    return readable;
  }
}

/** When a month such as `2026-11` is over, in UTC. */
function endOf(month: string): number {
  const [year, number] = month.split('-').map(Number);
  return Date.UTC(year ?? 0, number ?? 0);
}

function named(streams: readonly string[]): string {
  const [first, second, third, ...more] = streams;
  return [first, second, third].filter((one) => one !== undefined).join(', ') + (more.length > 0 ? ` and ${more.length} more` : '');
}
