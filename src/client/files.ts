import type { Connection } from './connection.ts';
import { follow } from './events.ts';
import { everyPage } from './pages.ts';
import { type Bytes, dataOf, type Shape, type Waiting } from './shapes.ts';

export type FileEntry = Shape<'FileEntry'>;
/** A stream is sent as it comes: browsers do that over HTTP/2 alone. */
export type Archive = Bytes | ReadableStream<Uint8Array>;

/** A name that came, changed or went; `overflow`: more did than could be told. */
export type FileChange = Extract<Shape<'ChangeEvent'>, { event: 'change' }>['data'];

interface WriteOptions extends Waiting {
  /** Octal permissions: `644`. */
  readonly mode?: string;
  /** Makes the directories that it needs. */
  readonly parents?: boolean;
}

/** Files of a sandbox, by absolute paths in it. Errors: `RequestError` with code `file_failed`, `DeniedError`. */
export class Files {
  readonly #connection: Connection;
  readonly #sandbox: string;

  constructor(connection: Connection, sandbox: string) {
    this.#connection = connection;
    this.#sandbox = sandbox;
  }

  /** All of a file, or a part of it: 64 MiB at most; what is more is downloaded. */
  async read(path: string, { signal, ...part }: Waiting & { readonly offset?: number; readonly length?: number } = {}): Promise<Uint8Array<ArrayBuffer>> {
    const response = await this.#connection.raw(this.#path, { query: { path, ...part }, signal: signal ?? null });
    return new Uint8Array(await response.arrayBuffer());
  }

  /** As UTF-8. */
  async readText(path: string, options: Waiting = {}): Promise<string> {
    return new TextDecoder().decode(await this.read(path, options));
  }

  /** Whole or not at all. 64 MiB at most; what is more is uploaded. */
  async write(path: string, content: Bytes, { signal, ...options }: WriteOptions = {}): Promise<void> {
    await this.#connection.raw(this.#path, { method: 'PUT', query: { path, ...options }, body: content, headers: { 'content-type': 'application/octet-stream' }, signal: signal ?? null });
  }

  async stat(path: string, { signal }: Waiting = {}): Promise<FileEntry> {
    return dataOf(await this.#connection.api.GET('/v1/sandboxes/{id}/files/stat', { params: { ...this.#here, query: { path } }, signal: signal ?? null }));
  }

  /** What is in a directory; paths in it, with `recursive` of all below it. */
  list(path: string, { signal, recursive = false }: Waiting & { readonly recursive?: boolean } = {}): AsyncGenerator<FileEntry, void, undefined> {
    return everyPage((query) => this.#connection.api.GET('/v1/sandboxes/{id}/files/list', { params: { ...this.#here, query: { path, recursive, ...query } }, signal: signal ?? null }));
  }

  /** What comes, changes and goes from now on, until the signal fires or nobody reads any more. */
  async *watch(path: string, { signal, recursive = false }: Waiting & { readonly recursive?: boolean } = {}): AsyncGenerator<FileChange, void, undefined> {
    for await (const { event, data } of follow(this.#connection, { path: `${this.#path}/watch`, query: { path, recursive }, signal, isLast: () => false })) if (event === 'change') yield data as FileChange; // docs/api.md
  }

  async mkdir(path: string, { signal, parents = false }: Waiting & { readonly parents?: boolean } = {}): Promise<void> {
    await this.#connection.api.POST('/v1/sandboxes/{id}/files/mkdir', { params: this.#here, body: { path, parents }, signal: signal ?? null });
  }

  async rename(from: string, to: string, { signal }: Waiting = {}): Promise<void> {
    await this.#connection.api.POST('/v1/sandboxes/{id}/files/rename', { params: this.#here, body: { from, to }, signal: signal ?? null });
  }

  /** A file, an empty directory, or with `recursive` a tree. */
  async remove(path: string, { signal, recursive = false }: Waiting & { readonly recursive?: boolean } = {}): Promise<void> {
    await this.#connection.raw(this.#path, { method: 'DELETE', query: { path, recursive }, signal: signal ?? null });
  }

  get #path(): string {
    return `/v1/sandboxes/${this.#sandbox}/files`;
  }

  get #here(): { readonly path: { readonly id: string } } {
    return { path: { id: this.#sandbox } };
  }
}

/** A body of a request; of a stream, platforms want to hear that the answer comes after it. */
export function sentAsItComes(body: Archive): { readonly body: Archive; readonly duplex?: 'half' } {
  return body instanceof ReadableStream ? { body, duplex: 'half' } : { body };
}
