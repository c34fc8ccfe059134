import type { Connection } from './connection.ts';
import { AbsentError, errorOfProblem, type Problem } from './errors.ts';
import { eventsOf } from './events.ts';
import { everyPage } from './pages.ts';
import { type BodyOf, dataOf, type Shape, type Waiting } from './shapes.ts';

type NewContext = BodyOf<'/v1/sandboxes/{id}/contexts', 'post'>;
type CallOptions = Omit<BodyOf<'/v1/sandboxes/{id}/contexts/{context}/calls', 'post'>, 'code'> & Waiting;
export type Call = Shape<'Call'>;
/** What happens in a call: started, then stdout, stderr, display, result, error and restarted in their order, and at last end. */
export type CallEvent = Shape<'CallEvent'>;

/** Interpreters of a sandbox. */
export class Contexts {
  readonly #connection: Connection;
  readonly #sandbox: string;

  constructor(connection: Connection, sandbox: string) {
    this.#connection = connection;
    this.#sandbox = sandbox;
  }

  /** Opens one. Errors: `LimitError` where there are too many, `RequestError`. */
  async open(wanted: NewContext, { signal }: Waiting = {}): Promise<Context> {
    return new Context(this.#connection, this.#sandbox, dataOf(await this.#connection.api.POST('/v1/sandboxes/{id}/contexts', { params: { path: { id: this.#sandbox } }, body: wanted, signal: signal ?? null })));
  }

  /** Those that are open. */
  async *list({ signal }: Waiting = {}): AsyncGenerator<Context, void, undefined> {
    const states = everyPage((query) => this.#connection.api.GET('/v1/sandboxes/{id}/contexts', { params: { path: { id: this.#sandbox }, query }, signal: signal ?? null }));
    for await (const state of states) yield new Context(this.#connection, this.#sandbox, state);
  }
}

/** An interpreter that keeps its state from call to call. */
export class Context implements AsyncDisposable {
  readonly id: string;
  readonly language: 'python' | 'javascript';
  readonly version: string;
  readonly #connection: Connection;
  readonly #sandbox: string;

  constructor(connection: Connection, sandbox: string, { id, language, version }: Shape<'Context'>) {
    this.#connection = connection;
    this.#sandbox = sandbox;
    this.id = id;
    this.language = language;
    this.version = version;
  }

  /** Runs code, and gives what came of it; what it throws is in `shown`, and no error. */
  async run(code: string, { signal, ...options }: CallOptions = {}): Promise<Call> {
    const answer = dataOf(await this.#connection.api.POST('/v1/sandboxes/{id}/contexts/{context}/calls', { params: this.#here, body: { code, ...options }, signal: signal ?? null }));
    return answer as Call; // events come only to who accepts them
  }

  /** Runs code, and gives what happens while it does. Whoever leaves early ends the call. */
  async *events(code: string, { signal, ...options }: CallOptions = {}): AsyncGenerator<CallEvent, void, undefined> {
    const path = `/v1/sandboxes/${this.#sandbox}/contexts/${this.id}/calls`;
    const response = await this.#connection.raw(path, { method: 'POST', body: JSON.stringify({ code, ...options }), headers: { 'content-type': 'application/json', accept: 'text/event-stream' }, signal: signal ?? null });
    for await (const { event, data } of eventsOf(response)) {
      if (event === 'error' && 'status' in (data as object)) throw await errorOfProblem(data as Problem);
      yield { event, data } as CallEvent; // docs/api.md
    }
  }

  /** As ^C does. */
  async interrupt({ signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.POST('/v1/sandboxes/{id}/contexts/{context}/interrupt', { params: this.#here, signal: signal ?? null });
  }

  /** Ends its interpreter and begins anew. */
  async restart({ signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.POST('/v1/sandboxes/{id}/contexts/{context}/restart', { params: this.#here, signal: signal ?? null });
  }

  /** Ends it, with what runs in it. */
  async close({ signal }: Waiting = {}): Promise<void> {
    try {
      await this.#connection.api.DELETE('/v1/sandboxes/{id}/contexts/{context}', { params: this.#here, signal: signal ?? null });
    } catch (error) {
      if (!(error instanceof AbsentError)) throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #here(): { readonly path: { readonly id: string; readonly context: string } } {
    return { path: { id: this.#sandbox, context: this.id } };
  }
}
