import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import type { Problem } from '../problem.ts';
import type { ServedCommand } from '../sandboxes/served-command.ts';
import { signalName } from '../shapes.ts';

export interface TerminalTimes {
  /** A client that does not answer for so long has gone. */
  readonly heartbeatMs: number;
  /** So long one piece of output may take to be sent. */
  readonly slowMs: number;
}

export const TERMINAL_TIMES: TerminalTimes = { heartbeatMs: 20_000, slowMs: 30_000 };
/** So much is taken in that the program has not read; then the client is not read either. */
const TYPED_AHEAD_BYTES = 64 * 1024;

/** Closing codes of WebSockets (RFC 6455). */
const Closing = { done: 1000, badData: 1007, error: 1011 } as const;

export const terminalSize = { columns: z.coerce.number().int().min(1).max(1000), rows: z.coerce.number().int().min(1).max(1000) };
const control = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('resize'), columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) }),
  z.strictObject({ type: z.literal('signal'), signal: signalName, scope: z.enum(['process', 'tree']).default('process') }),
  z.strictObject({ type: z.literal('end') }),
]);

/** One client at a terminal: binary frames are what is typed and what is shown, text frames are JSON. docs/api.md */
export class TerminalSocket {
  readonly #socket: WebSocket;
  readonly #command: ServedCommand;
  readonly #times: TerminalTimes;
  readonly #problem: (error: unknown) => Promise<Problem>;
  readonly #gone = new AbortController();
  /** What is typed goes in one after the other. */
  #typing: Promise<void> = Promise.resolve();
  #aheadBytes = 0;
  #answered = true;

  constructor(socket: WebSocket, command: ServedCommand, { times, problem }: { readonly times: TerminalTimes; readonly problem: (error: unknown) => Promise<Problem> }) {
    this.#socket = socket;
    this.#command = command;
    this.#times = times;
    this.#problem = problem;
  }

  /** Until the program has ended or the client has gone. Never rejects. */
  async serve(offset: number): Promise<void> {
    const { terminal, id } = this.#command;
    using _attached = terminal?.attach();
    const heartbeat = setInterval(() => this.#beat(), this.#times.heartbeatMs);
    this.#listen();
    try {
      await this.#tell({ type: 'ready', command: id, offset, typed: terminal?.typedBytes ?? 0 });
      let next = offset;
      for await (const piece of this.#command.output({ stdout: offset }, this.#gone.signal)) {
        next = piece.offset + piece.bytes.length;
        await this.#send(piece.bytes, true);
      }
      if (!this.#gone.signal.aborted) await this.#tell({ type: 'end', offset: next, end: await this.#command.ended });
      this.#socket.close(Closing.done);
    } catch (error) {
      await this.#fail(error);
    } finally {
      clearInterval(heartbeat);
    }
  }

  #listen(): void {
    this.#socket.once('close', () => this.#gone.abort());
    this.#socket.on('pong', () => (this.#answered = true));
    this.#socket.on('message', (data, isBinary) => {
      const bytes = bytesOf(data);
      if (isBinary) this.#type(bytes);
      else this.#obey(bytes.toString('utf8'));
    });
  }

  #type(bytes: Buffer): void {
    this.#aheadBytes += bytes.length;
    if (this.#aheadBytes > TYPED_AHEAD_BYTES) this.#socket.pause();
    this.#inOrder(async () => {
      await this.#command.type(bytes);
      this.#aheadBytes -= bytes.length;
      if (this.#socket.isPaused && this.#aheadBytes <= TYPED_AHEAD_BYTES) this.#socket.resume();
    });
  }

  #obey(text: string): void {
    const wanted = control.safeParse(parsed(text)).data;
    if (wanted === undefined) return this.#socket.close(Closing.badData, 'text frames are resize, signal or end');
    const { running } = this.#command;
    if (wanted.type === 'resize') running.resize(wanted.columns, wanted.rows);
    else if (wanted.type === 'signal') running.signal(wanted.signal, wanted.scope);
    else this.#inOrder(() => running.closeStdin());
  }

  #inOrder(action: () => Promise<void>): void {
    this.#typing = this.#typing.then(action).catch((error: unknown) => this.#fail(error));
  }

  /** Who is not read cannot be heard: a client is not taken for gone for what its program does not read. */
  #beat(): void {
    if (this.#socket.isPaused) return;
    if (!this.#answered) return this.#socket.terminate();
    this.#answered = false;
    this.#socket.ping();
  }

  #tell(message: object): Promise<void> {
    return this.#send(JSON.stringify(message), false);
  }

  /** Resolves when it is on its way, which is when there is room for more, or when the client has gone. */
  async #send(data: Buffer | string, binary: boolean): Promise<void> {
    if (this.#gone.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const tooSlow = setTimeout(() => this.#socket.terminate(), this.#times.slowMs);
    const left = (): void => resolve();
    this.#gone.signal.addEventListener('abort', left, { once: true });
    // Its error is that of a connection which is closed: there is nobody to tell.
    this.#socket.send(data, { binary }, () => resolve());
    try {
      await promise;
    } finally {
      clearTimeout(tooSlow);
      this.#gone.signal.removeEventListener('abort', left);
    }
  }

  async #fail(error: unknown): Promise<void> {
    await this.#tell({ type: 'error', problem: await this.#problem(error) });
    this.#socket.close(Closing.error);
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No message is JSON's `undefined`.
    return undefined;
  }
}
