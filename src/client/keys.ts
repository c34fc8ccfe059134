import type { Connection } from './connection.ts';
import { everyPage } from './pages.ts';
import { type BodyOf, dataOf, type Shape, type Waiting } from './shapes.ts';

export type ApiKey = Shape<'ApiKey'>;

/** API keys of your tenant. */
export class Keys {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list({ signal }: Waiting = {}): AsyncGenerator<ApiKey, void, undefined> {
    return everyPage((query) => this.#connection.api.GET('/v1/keys', { params: { query }, signal: signal ?? null }));
  }

  /** Makes one; `key` is shown this once. */
  async create(wanted: BodyOf<'/v1/keys', 'post'>, { signal }: Waiting = {}): Promise<ApiKey & { readonly key: string }> {
    return dataOf(await this.#connection.api.POST('/v1/keys', { body: wanted, signal: signal ?? null }));
  }

  /** From now on it opens nothing. */
  async revoke(id: string, { signal }: Waiting = {}): Promise<ApiKey> {
    return dataOf(await this.#connection.api.DELETE('/v1/keys/{id}', { params: { path: { id } }, signal: signal ?? null }));
  }
}
