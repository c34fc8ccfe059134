import type { Connection } from './connection.ts';
import { everyPage } from './pages.ts';
import { type BodyOf, dataOf, type Shape, type Waiting } from './shapes.ts';

export type Stop = Shape<'Stop'>;
/** What a stop came to on the server's machine. */
export type Stopped = Awaited<ReturnType<Stops['stop']>>;

/** The kill switch. */
export class Stops {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** What is stopped, oldest first. */
  list({ signal }: Waiting = {}): AsyncGenerator<Stop, void, undefined> {
    return everyPage((query) => this.#connection.api.GET('/v1/stops', { params: { query }, signal: signal ?? null }));
  }

  /** From now on nothing of it begins; what runs ends, or with `freeze` stands still. Resolves when it has. */
  async stop(wanted: BodyOf<'/v1/stops', 'post'>, { signal }: Waiting = {}) {
    return dataOf(await this.#connection.api.POST('/v1/stops', { body: wanted, signal: signal ?? null }));
  }

  /** Lets it begin again; all that you may lift where no scope is named. */
  async lift(wanted: BodyOf<'/v1/stops/lift', 'post'> = {}, { signal }: Waiting = {}): Promise<readonly Stop[]> {
    return dataOf(await this.#connection.api.POST('/v1/stops/lift', { body: wanted, signal: signal ?? null })).lifted;
  }
}
