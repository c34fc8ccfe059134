import type { Connection } from './connection.ts';
import { everyPage } from './pages.ts';
import type { Waiting } from './shapes.ts';

export interface SecretEntry {
  readonly name: string;
  readonly setMs: number;
}

/** Secrets that sessions are lent and never see: names alone ever come out. */
export class Secrets {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list({ signal }: Waiting = {}): AsyncGenerator<SecretEntry, void, undefined> {
    return everyPage((query) => this.#connection.api.GET('/v1/secrets', { params: { query }, signal: signal ?? null }));
  }

  async set(name: string, value: string, { signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.PUT('/v1/secrets/{name}', { params: { path: { name } }, body: { value }, signal: signal ?? null });
  }

  async remove(name: string, { signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.DELETE('/v1/secrets/{name}', { params: { path: { name } }, signal: signal ?? null });
  }
}
