import type { Connection } from './connection.ts';
import { everyPage } from './pages.ts';
import { type BodyOf, dataOf, given, type Shape, type Waiting } from './shapes.ts';

export type Approval = Shape<'Approval'>;
export type ApprovalAnswer = BodyOf<'/v1/approvals/{id}/answer', 'post'>['answer'];

/** What waits for a person. */
export class Approvals {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Newest first; with `all`, what was answered, too. */
  list({ signal, all = false }: Waiting & { readonly all?: boolean } = {}): AsyncGenerator<Approval, void, undefined> {
    return everyPage((query) => this.#connection.api.GET('/v1/approvals', { params: { query: { all, ...query } }, signal: signal ?? null }));
  }

  async get(id: string, { signal }: Waiting = {}): Promise<Approval> {
    return dataOf(await this.#connection.api.GET('/v1/approvals/{id}', { params: { path: { id } }, signal: signal ?? null }));
  }

  /** Answers what was shown, and nothing else: an approval whose question is another by now is refused. Errors: `DeniedError` with code `approval_refused`. */
  async answer({ id, question }: Pick<Approval, 'id' | 'question'>, answer: ApprovalAnswer, { signal, why }: Waiting & { readonly why?: string } = {}): Promise<Approval> {
    return dataOf(await this.#connection.api.POST('/v1/approvals/{id}/answer', { params: { path: { id } }, body: { answer, requestHash: question.requestHash, ...given({ why }) }, signal: signal ?? null }));
  }
}
