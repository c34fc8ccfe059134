import type { Connection } from './connection.ts';
import { follow } from './events.ts';
import { everyPage } from './pages.ts';
import { type BodyOf, dataOf, given, type Shape, type Waiting } from './shapes.ts';

export type NewRun = BodyOf<'/v1/runs', 'post'>;
export type Run = Shape<'Run'>;
/** What happened in a run, as the journal has it. docs/journal.md */
export type RunEvent = Shape<'JournalEvent'>;
export type Replay = Shape<'Replay'>;
export type ExportFormat = 'json' | 'atif' | 'traj' | 'otlp';

/** What agents did and do. */
export class Runs {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Leaves a run to a worker. Asking again with the same `key` gives the same run; without one this call makes one, once. */
  async create(wanted: NewRun, { signal, key }: Waiting & { readonly key?: string } = {}): Promise<Run> {
    return dataOf(await this.#connection.api.POST('/v1/runs', { body: wanted, params: { header: key === undefined ? {} : { 'Idempotency-Key': key } }, signal: signal ?? null }));
  }

  async get(id: string, { signal }: Waiting = {}): Promise<Run> {
    return dataOf(await this.#connection.api.GET('/v1/runs/{id}', { params: { path: { id } }, signal: signal ?? null }));
  }

  /** Newest first. */
  list({ signal }: Waiting = {}): AsyncGenerator<Run, void, undefined> {
    return everyPage((query) => this.#connection.api.GET('/v1/runs', { params: { query }, signal: signal ?? null }));
  }

  /** What happened after an event and what happens, to its end; `follow: false` gives only what did. A connection that breaks goes on after the last event. */
  async *events(id: string, { signal, after = 0, follow: isFollowed = true }: Waiting & { readonly after?: number; readonly follow?: boolean } = {}): AsyncGenerator<RunEvent, void, undefined> {
    const events = follow(this.#connection, { path: `/v1/runs/${id}/events`, query: { after, follow: isFollowed }, signal, isLast: ({ event }) => event === 'run.ended', ends: !isFollowed });
    for await (const { data } of events) yield data as RunEvent; // docs/api.md
  }

  /** Tells its agent something; with `interrupt` what goes on now is cut short. */
  async say(id: string, text: string, { signal, interrupt = false }: Waiting & { readonly interrupt?: boolean } = {}): Promise<void> {
    await this.#connection.api.POST('/v1/runs/{id}/say', { params: { path: { id } }, body: { text, interrupt }, signal: signal ?? null });
  }

  /** Has it stand still after its present step. */
  async pause(id: string, { signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.POST('/v1/runs/{id}/pause', { params: { path: { id } }, signal: signal ?? null });
  }

  async resume(id: string, { signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.POST('/v1/runs/{id}/resume', { params: { path: { id } }, signal: signal ?? null });
  }

  async cancel(id: string, { signal, why }: Waiting & { readonly why?: string } = {}): Promise<void> {
    await this.#connection.api.POST('/v1/runs/{id}/cancel', { params: { path: { id } }, body: given({ why }), signal: signal ?? null });
  }

  /** Leaves another way from one of its steps to a worker. */
  async fork(id: string, wanted: BodyOf<'/v1/runs/{id}/fork', 'post'>, { signal }: Waiting = {}): Promise<Run> {
    return dataOf(await this.#connection.api.POST('/v1/runs/{id}/fork', { params: { path: { id } }, body: wanted, signal: signal ?? null }));
  }

  /** Does it again with its model as recorded, and says where it comes out otherwise; with `liveTools` its tools run again, too. */
  async replay(id: string, { signal, ...options }: Waiting & { readonly liveTools?: boolean; readonly stop?: boolean } = {}): Promise<Replay> {
    return dataOf(await this.#connection.api.POST('/v1/runs/{id}/replay', { params: { path: { id } }, body: options, signal: signal ?? null }));
  }

  /** It, in a format of others. */
  async export(id: string, format: ExportFormat = 'json', { signal }: Waiting = {}): Promise<unknown> {
    return dataOf(await this.#connection.api.GET('/v1/runs/{id}/export', { params: { path: { id }, query: { format } }, signal: signal ?? null }));
  }

  /** What it came to, as a unified diff. */
  async patch(id: string, { signal }: Waiting = {}): Promise<string> {
    return await (await this.#connection.raw(`/v1/runs/${id}/patch`, { signal: signal ?? null })).text();
  }
}
