import type { Connection } from './connection.ts';
import { dataOf, type Shape, type Waiting } from './shapes.ts';

/** `2026-11`, of UTC; this month where nothing is said. */
interface OfMonth extends Waiting {
  readonly month?: string;
}

/** What your tenant and its users used, and may use. Money in millionths of a US dollar. */
export class Accounts {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async usage({ signal, ...query }: OfMonth = {}): Promise<Shape<'Usage'>> {
    return dataOf(await this.#connection.api.GET('/v1/usage', { params: { query }, signal: signal ?? null }));
  }

  async budgets({ signal, ...query }: OfMonth = {}): Promise<Shape<'Budgets'>> {
    return dataOf(await this.#connection.api.GET('/v1/budgets', { params: { query }, signal: signal ?? null }));
  }
}
