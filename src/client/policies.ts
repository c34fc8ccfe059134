import type { Connection } from './connection.ts';
import { everyPage } from './pages.ts';
import { type BodyOf, dataOf, type Shape, type Waiting } from './shapes.ts';

export type Decision = Shape<'Decision'>;
/** A policy in its version, with its rules. */
export type Policy = Awaited<ReturnType<Policies['get']>>;

/** What sessions may do at the server. */
export class Policies {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Those that there are, by name. */
  names({ signal }: Waiting = {}): AsyncGenerator<string, void, undefined> {
    return everyPage((query) => this.#connection.api.GET('/v1/policies', { params: { query }, signal: signal ?? null }));
  }

  async get(name: string, { signal }: Waiting = {}) {
    return dataOf(await this.#connection.api.GET('/v1/policies/{name}', { params: { path: { name } }, signal: signal ?? null }));
  }

  /** Asks it every question of the tests beside it. */
  async test(name: string, { signal }: Waiting = {}): Promise<Shape<'PolicyTests'>> {
    return dataOf(await this.#connection.api.POST('/v1/policies/{name}/test', { params: { path: { name } }, signal: signal ?? null }));
  }

  /** Asks it again what was asked in your tenant, and says what it would decide otherwise. */
  async backtest(name: string, { signal, ...asked }: Waiting & { readonly sinceMs?: number; readonly flips?: number } = {}): Promise<Shape<'Backtest'>> {
    return dataOf(await this.#connection.api.POST('/v1/policies/{name}/backtest', { params: { path: { name } }, body: asked, signal: signal ?? null }));
  }

  /** Its answer to a question as people write it, and what would have to change for another one. */
  async explain(name: string, asked: BodyOf<'/v1/policies/{name}/explain', 'post'>, { signal }: Waiting = {}): Promise<Shape<'PolicyAnswer'>> {
    return dataOf(await this.#connection.api.POST('/v1/policies/{name}/explain', { params: { path: { name } }, body: asked, signal: signal ?? null }));
  }

  /** Rules of it that an author should look at. */
  async lint(name: string, { signal }: Waiting = {}) {
    return dataOf(await this.#connection.api.GET('/v1/policies/{name}/lint', { params: { path: { name } }, signal: signal ?? null })).findings;
  }

  /** What `other` would permit and forbid that this one does not. */
  async diff(name: string, other: string, { signal }: Waiting = {}): Promise<Shape<'PolicyDiff'>> {
    return dataOf(await this.#connection.api.GET('/v1/policies/{name}/diff', { params: { path: { name }, query: { with: other } }, signal: signal ?? null }));
  }

  /** Asks it; nothing is done, and nothing written. `request` is in canonical form, as the journal has it. */
  async decide(name: string, request: { readonly action: string; readonly [field: string]: unknown }, { signal }: Waiting = {}): Promise<Decision> {
    return dataOf(await this.#connection.api.POST('/v1/policies/{name}/decide', { params: { path: { name } }, body: { request }, signal: signal ?? null }));
  }
}
