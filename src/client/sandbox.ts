import { Command } from './command.ts';
import type { Connection } from './connection.ts';
import { Contexts } from './contexts.ts';
import { AbsentError } from './errors.ts';
import { everyPage } from './pages.ts';
import { type Archive, Files, sentAsItComes } from './files.ts';
import { type BodyOf, dataOf, type Shape, type Waiting } from './shapes.ts';

export type NewSandbox = Partial<BodyOf<'/v1/sandboxes', 'post'>>;
export type SandboxState = Shape<'Sandbox'>;
/** What a command is asked to run with, beside its words. */
export type NewCommand = Omit<BodyOf<'/v1/sandboxes/{id}/commands', 'post'>, 'argv' | 'shell' | 'background'>;

/** A sealed place at the server. It is gone when it was closed, when its time is over, or when nobody does anything with it for its idle time. */
export class Sandbox implements AsyncDisposable {
  readonly id: string;
  /** As it was when it was last asked for. */
  readonly state: SandboxState;
  readonly files: Files;
  /** Interpreters that keep their state between calls. */
  readonly contexts: Contexts;
  readonly #connection: Connection;

  constructor(connection: Connection, state: SandboxState) {
    this.#connection = connection;
    this.id = state.id;
    this.state = state;
    this.files = new Files(connection, state.id);
    this.contexts = new Contexts(connection, state.id);
  }

  /**
   * Starts a command: a program with its arguments, or a text for `sh -lc`. It goes on when nobody listens, and ends with its sandbox.
   * What policy refuses has an end, too: cause `policy`. Errors: `RequestError`, `AbsentError`, `LimitError`.
   */
  async exec(what: readonly [string, ...string[]] | string, { signal, ...options }: Partial<NewCommand> & Waiting = {}): Promise<Command> {
    const words = typeof what === 'string' ? { shell: what } : { argv: [...what] as [string, ...string[]] }; // a copy of what was one
    const answer = await this.#connection.api.POST('/v1/sandboxes/{id}/commands', { params: this.#here, body: { ...options, ...words, background: true }, signal: signal ?? null });
    return new Command(this.#connection, dataOf(answer));
  }

  /** One that was started before, by its id. Errors: `AbsentError`. */
  async command(command: string, { signal }: Waiting = {}): Promise<Command> {
    const params = { path: { id: this.id, command }, query: {} };
    return new Command(this.#connection, dataOf(await this.#connection.api.GET('/v1/sandboxes/{id}/commands/{command}', { params, signal: signal ?? null })));
  }

  /** What runs and what ran, the oldest first. */
  async *commands({ signal }: Waiting = {}): AsyncGenerator<Command, void, undefined> {
    const states = everyPage((query) => this.#connection.api.GET('/v1/sandboxes/{id}/commands', { params: { ...this.#here, query }, signal: signal ?? null }));
    for await (const state of states) yield new Command(this.#connection, state);
  }

  /** Unpacks a tar, which may be a stream, into a directory. */
  async upload(directory: string, tar: Archive, { signal }: Waiting = {}): Promise<void> {
    await this.#connection.raw(`/v1/sandboxes/${this.id}/archive`, { method: 'PUT', query: { path: directory }, ...sentAsItComes(tar), headers: { 'content-type': 'application/x-tar' }, signal: signal ?? null });
  }

  /** A directory or a file as a tar stream. Whoever leaves before its end cancels it. */
  async download(path: string, { signal }: Waiting = {}): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { body } = await this.#connection.raw(`/v1/sandboxes/${this.id}/archive`, { query: { path }, signal: signal ?? null });
    return body ?? new ReadableStream({ start: (stream) => stream.close() });
  }

  /** Freezes it. */
  async pause({ signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.POST('/v1/sandboxes/{id}/pause', { params: this.#here, signal: signal ?? null });
  }

  async resume({ signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.POST('/v1/sandboxes/{id}/resume', { params: this.#here, signal: signal ?? null });
  }

  /** Begins its idle time again. */
  async keepAlive({ signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.POST('/v1/sandboxes/{id}/keepalive', { params: this.#here, signal: signal ?? null });
  }

  /** Keeps its workspace as it is now; gives the name of that, for `restore`. */
  async snapshot({ signal }: Waiting = {}): Promise<string> {
    return dataOf(await this.#connection.api.POST('/v1/sandboxes/{id}/snapshot', { params: this.#here, signal: signal ?? null })).id;
  }

  /** A snapshot instead of its workspace. */
  async restore(snapshot: string, { signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.POST('/v1/sandboxes/{id}/restore', { params: this.#here, body: { snapshot }, signal: signal ?? null });
  }

  /** More sandboxes that begin with its workspace. */
  async fork(count = 1, { signal }: Waiting = {}): Promise<readonly Sandbox[]> {
    const { sandboxes } = dataOf(await this.#connection.api.POST('/v1/sandboxes/{id}/fork', { params: this.#here, body: { count }, signal: signal ?? null }));
    return sandboxes.map((state) => new Sandbox(this.#connection, state));
  }

  /** Ends it, with all that runs in it; resolves when nothing is left of it, also where that was so before. */
  async close({ signal }: Waiting = {}): Promise<void> {
    try {
      await this.#connection.api.DELETE('/v1/sandboxes/{id}', { params: this.#here, signal: signal ?? null });
    } catch (error) {
      if (!(error instanceof AbsentError)) throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #here(): { readonly path: { readonly id: string } } {
    return { path: { id: this.id } };
  }
}
