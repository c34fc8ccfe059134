import type { Connection } from './connection.ts';
import { follow } from './events.ts';
import { AbsentError } from './errors.ts';
import { type BodyOf, type Bytes, dataOf, type Shape, type Waiting } from './shapes.ts';
import { Terminal } from './terminal.ts';

export type CommandEnd = Shape<'CommandEnd'>;
export type SignalName = BodyOf<'/v1/sandboxes/{id}/commands/{command}/signal', 'post'>['signal'];

/** How it ended, and what it wrote: of much, the middle is cut, with the count said. */
export interface CommandResult extends CommandEnd {
  readonly stdout: string;
  readonly stderr: string;
}

interface Chunk {
  readonly channel: 'stdout' | 'stderr';
  /** Bytes of its channel before it. */
  readonly offset: number;
}

/** A piece of what it wrote, cut between characters. */
export interface OutputChunk extends Chunk {
  readonly text: string;
}

export interface ByteChunk extends Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface OutputOptions extends Waiting {
  /** How many bytes of each channel to pass over. */
  readonly from?: { readonly stdout?: number; readonly stderr?: number };
}

/** As long as a server lets anybody wait. */
const WAIT_MS = 60_000;

/** A command in a sandbox: started, judged by policy, and once ended. */
export class Command {
  readonly id: string;
  readonly sandbox: string;
  readonly argv: readonly string[];
  /** What policy said of it. */
  readonly decision: Shape<'Decision'>;
  readonly #connection: Connection;

  constructor(connection: Connection, { id, sandbox, argv, decision }: Shape<'Command'>) {
    this.#connection = connection;
    this.id = id;
    this.sandbox = sandbox;
    this.argv = argv;
    this.decision = decision;
  }

  /** What it writes, from its beginning, as it comes; ends when it has ended. A connection that breaks goes on at the byte. */
  async *output(options: OutputOptions = {}): AsyncGenerator<OutputChunk, void, undefined> {
    for await (const { channel, offset, data } of this.#chunks('utf8', options)) yield { channel, offset, text: data };
  }

  /** The same as bytes: for what is no text. */
  async *bytes(options: OutputOptions = {}): AsyncGenerator<ByteChunk, void, undefined> {
    for await (const { channel, offset, data } of this.#chunks('base64', options)) yield { channel, offset, bytes: Uint8Array.from(atob(data), (character) => character.charCodeAt(0)) };
  }

  /** Resolves when it has ended, however it did: a code of its own is no error. */
  async result({ signal }: Waiting = {}): Promise<CommandResult> {
    for (;;) {
      const { end, stdout = '', stderr = '' } = dataOf(await this.#connection.api.GET('/v1/sandboxes/{id}/commands/{command}', { params: { ...this.#here, query: { waitMs: WAIT_MS } }, signal: signal ?? null }));
      if (end !== undefined) return { ...end, stdout, stderr };
    }
  }

  /** Writes to its stdin, where it was started with `openStdin`; resolves when it was taken. */
  async write(input: Bytes, { signal }: Waiting = {}): Promise<void> {
    await this.#stdin(input, false, signal);
  }

  async closeStdin({ signal }: Waiting = {}): Promise<void> {
    await this.#stdin('', true, signal);
  }

  /** The terminal that it runs in, where it was started with `terminal`. */
  terminal(): Terminal {
    return new Terminal(this.#connection, this);
  }

  /** Signals its process, or all that it has started. */
  async signal(name: SignalName, { scope = 'process', signal }: Waiting & { readonly scope?: 'process' | 'tree' } = {}): Promise<void> {
    await this.#connection.api.POST('/v1/sandboxes/{id}/commands/{command}/signal', { params: this.#here, body: { signal: name, scope }, signal: signal ?? null });
  }

  /** Ends it where it runs, with all that it has started, and forgets its output. Resolves when its tree is dead. */
  async close({ signal }: Waiting = {}): Promise<void> {
    try {
      await this.#connection.api.DELETE('/v1/sandboxes/{id}/commands/{command}', { params: this.#here, signal: signal ?? null });
    } catch (error) {
      if (!(error instanceof AbsentError)) throw error;
    }
  }

  async *#chunks(encoding: 'utf8' | 'base64', { from = {}, signal }: OutputOptions): AsyncGenerator<Chunk & { readonly data: string }, void, undefined> {
    const path = `${this.#path}/output`;
    for await (const { event, data } of follow(this.#connection, { path, query: { encoding, ...from }, signal, isLast: ({ event: name }) => name === 'end' })) {
      if (event !== 'stdout' && event !== 'stderr') continue;
      yield { channel: event, ...(data as { readonly offset: number; readonly data: string }) }; // docs/api.md
    }
  }

  async #stdin(body: Bytes, close: boolean, signal: AbortSignal | undefined): Promise<void> {
    await this.#connection.raw(`${this.#path}/stdin`, { method: 'POST', query: { close }, body, headers: { 'content-type': 'application/octet-stream' }, signal: signal ?? null });
  }

  get #path(): string {
    return `/v1/sandboxes/${this.sandbox}/commands/${this.id}`;
  }

  get #here(): { readonly path: { readonly id: string; readonly command: string } } {
    return { path: { id: this.sandbox, command: this.id } };
  }
}
