import type { Connection } from './connection.ts';
import { everyPage } from './pages.ts';
import { type NewSandbox, Sandbox } from './sandbox.ts';
import { dataOf, type Waiting } from './shapes.ts';

/** The sandboxes of your tenant. */
export class Sandboxes {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Opens a session with one sandbox, which ends with `close`, with `await using`, or when its time is over. Errors: `DeniedError`, `RequestError`, `LimitError`, `UnavailableError`. */
  async create(wanted: NewSandbox = {}, { signal }: Waiting = {}): Promise<Sandbox> {
    return new Sandbox(this.#connection, dataOf(await this.#connection.api.POST('/v1/sandboxes', { body: wanted, signal: signal ?? null })));
  }

  /** One that is open, by its id. Errors: `AbsentError`. */
  async get(id: string, { signal }: Waiting = {}): Promise<Sandbox> {
    return new Sandbox(this.#connection, dataOf(await this.#connection.api.GET('/v1/sandboxes/{id}', { params: { path: { id } }, signal: signal ?? null })));
  }

  /** Those that are open, the oldest first. */
  async *list({ signal }: Waiting = {}): AsyncGenerator<Sandbox, void, undefined> {
    for await (const state of everyPage((query) => this.#connection.api.GET('/v1/sandboxes', { params: { query }, signal: signal ?? null }))) yield new Sandbox(this.#connection, state);
  }
}
