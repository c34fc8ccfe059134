import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds that a request waits before it is passed on, by its first line (`POST /containers/create?… HTTP/1.1`); Infinity: for ever. */
export type Delay = (requestLine: string) => number;

/** A socket between an engine and whoever talks to it, on which requests take their time. */
export class SlowSocket implements AsyncDisposable {
  readonly path: string;
  delay: Delay = () => 0;
  readonly #folder = mkdtempSync(join(tmpdir(), 'slow-socket-'));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: string) {
    this.path = join(this.#folder, 'socket');
    // Whoever goes away in the middle is what it is for.
    this.#server = createServer((client) => void this.#pass(client, connect(target)).catch(() => undefined));
  }

  static async open(target: string): Promise<SlowSocket> {
    const socket = new SlowSocket(target);
    socket.#server.listen(socket.path);
    await once(socket.#server, 'listening');
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #pass(client: Socket, engine: Socket): Promise<void> {
    for (const [socket, other] of [[client, engine], [engine, client]] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
    engine.pipe(client);
    for await (const bytes of client as AsyncIterable<Buffer>) {
      const line = /^(?:GET|POST|DELETE|HEAD|PUT) [^\r\n]+/.exec(bytes.toString('latin1', 0, 500))?.[0];
      const waits = line === undefined ? 0 : this.delay(line);
      if (waits === Number.POSITIVE_INFINITY) await once(client, 'close');
      else if (waits > 0) await sleep(waits);
      if (!engine.destroyed) engine.write(bytes);
    }
    engine.end();
  }
}
