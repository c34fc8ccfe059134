import { backoff, type Connection } from './connection.ts';
import { ConnectionError, errorOfProblem, type Problem } from './errors.ts';
import { pause } from './pause.ts';
import type { Shape, Waiting } from './shapes.ts';

type Message = { readonly type: 'ready'; readonly offset: number; readonly typed: number } | { readonly type: 'end'; readonly end: Shape<'CommandEnd'> } | { readonly type: 'error'; readonly problem: Problem };

/** Typed and not known to be taken: more than that no person types while a line is down. */
const MOST_TYPED_BYTES = 1_048_576;

/** A terminal that a command runs in, from here. Needs the platform's `WebSocket`: Node has one from 22 on. */
export class Terminal {
  readonly #connection: Connection;
  readonly #command: { readonly id: string; readonly sandbox: string };
  #socket: WebSocket | undefined;
  /** Of its output, that were shown. */
  #shownBytes = 0;
  /** All that was typed, from `#typedFrom` on: a connection that broke may have lost some. */
  #typed = new Uint8Array();
  #typedFrom = 0;
  #size: { readonly columns: number; readonly rows: number } | undefined;
  #end: Shape<'CommandEnd'> | undefined;

  constructor(connection: Connection, command: { readonly id: string; readonly sandbox: string }) {
    this.#connection = connection;
    this.#command = command;
  }

  /** How its command ended, once `output` has. */
  get end(): Shape<'CommandEnd'> | undefined {
    return this.#end;
  }

  /**
   * Connects, and gives what is to be shown, to its end. A connection that breaks is made again and goes on at the byte, in both directions.
   * Errors: `ConnectionError` where the server does not come back.
   */
  async *output({ signal }: Waiting = {}): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    for (let failures = 0; failures <= this.#connection.retries.times; failures += 1) {
      const socket = await this.#connect(signal);
      try {
        for await (const data of messagesOf(socket, signal)) {
          failures = 0;
          if (typeof data === 'string') await this.#hear(JSON.parse(data) as Message, socket); // docs/api.md
          else {
            this.#shownBytes += data.byteLength;
            yield new Uint8Array(data);
          }
          if (this.#end !== undefined) return;
        }
      } finally {
        this.#socket = undefined;
        socket.close();
      }
      await pause(backoff(this.#connection.retries.delayMs, failures), signal);
    }
    throw new ConnectionError(`the terminal of ${this.#command.id} broke off again and again`);
  }

  /** Types; what is typed while there is no connection goes in with the next. Errors: `ConnectionError` for too much of that. */
  write(input: Uint8Array<ArrayBuffer> | string): void {
    const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
    if (this.#typed.length + bytes.length > MOST_TYPED_BYTES) this.#forget();
    const typed = new Uint8Array(this.#typed.length + bytes.length);
    typed.set(this.#typed);
    typed.set(bytes, this.#typed.length);
    this.#typed = typed;
    this.#socket?.send(bytes);
  }

  /** In characters. The program hears of it. */
  resize(columns: number, rows: number): void {
    this.#size = { columns, rows };
    this.#tell({ type: 'resize', columns, rows });
  }

  signal(name: string, scope: 'process' | 'tree' = 'process'): void {
    this.#tell({ type: 'signal', signal: name, scope });
  }

  /** Nothing more will be typed. */
  closeInput(): void {
    this.#tell({ type: 'end' });
  }

  #tell(message: object): void {
    this.#socket?.send(JSON.stringify(message));
  }

  async #hear(message: Message, socket: WebSocket): Promise<void> {
    if (message.type === 'end') this.#end = message.end;
    else if (message.type === 'error') throw await errorOfProblem(message.problem);
    else {
      const lost = message.typed - this.#typedFrom;
      if (lost < 0) throw new ConnectionError('what was typed while the connection was down is no longer known');
      this.#socket = socket;
      if (this.#size !== undefined) this.#tell({ type: 'resize', ...this.#size });
      if (lost < this.#typed.length) socket.send(this.#typed.slice(lost));
    }
  }

  /** What a connection that stands has taken long ago is not asked for again. */
  #forget(): void {
    if (this.#socket === undefined) throw new ConnectionError('too much was typed while there was no connection');
    this.#typedFrom += this.#typed.length;
    this.#typed = new Uint8Array();
  }

  async #connect(signal: AbortSignal | undefined): Promise<WebSocket> {
    const { id, sandbox } = this.#command;
    const { ticket } = (await (await this.#connection.raw(`/v1/sandboxes/${sandbox}/pty/tickets`, { method: 'POST', signal: signal ?? null })).json()) as Shape<'Ticket'>;
    const url = new URL(`${this.#connection.url}/v1/sandboxes/${sandbox}/pty`);
    url.protocol = url.protocol.replace('http', 'ws');
    url.search = new URLSearchParams({ command: id, offset: String(this.#shownBytes), ticket }).toString();
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    return socket;
  }
}

/** What a socket says, until it closes. Errors: the reason of the signal. */
async function* messagesOf(socket: WebSocket, signal: AbortSignal | undefined): AsyncGenerator<string | ArrayBuffer, void, undefined> {
  const heard: (string | ArrayBuffer)[] = [];
  let isClosed = false;
  let wake = (): void => {};
  socket.addEventListener('message', ({ data }) => {
    heard.push(data as string | ArrayBuffer); // `binaryType`
    wake();
  });
  const close = (): void => {
    isClosed = true;
    wake();
  };
  socket.addEventListener('close', close);
  signal?.addEventListener('abort', close, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      yield* heard.splice(0);
      if (heard.length > 0) continue;
      if (isClosed) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal?.removeEventListener('abort', close);
  }
}
