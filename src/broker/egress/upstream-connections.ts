import type { Socket } from 'node:net';
import type { EgressDeadlines } from './deadline.ts';
import { UpstreamConnection } from './upstream-connection.ts';

interface UpstreamConnectionsOptions {
  readonly host: string;
  readonly deadlines: EgressDeadlines;
  /** Errors: `UpstreamFailure`. */
  readonly dial: () => Promise<Socket>;
}

/** Connections to one place, kept for the next request. There are never more than requests at once, which are as many as the session's connections at most. */
export class UpstreamConnections {
  readonly #options: UpstreamConnectionsOptions;
  readonly #sockets = new Set<Socket>();
  /** The one that was used last is the first to be used again: it is the least likely to have been closed. */
  readonly #free: UpstreamConnection[] = [];

  constructor(options: UpstreamConnectionsOptions) {
    this.#options = options;
  }

  /** Nothing is connected. */
  get isEmpty(): boolean {
    return this.#sockets.size === 0;
  }

  /** At once, where one is free. It is to be asked something, or given back. Errors: `UpstreamFailure`. */
  take(): UpstreamConnection | Promise<UpstreamConnection> {
    return this.#free.pop() ?? this.#open();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #open(): Promise<UpstreamConnection> {
    const { host, deadlines, dial } = this.#options;
    const socket = await dial();
    const connection = new UpstreamConnection(socket, { host, deadlines, freed: () => this.#free.push(connection) });
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const at = this.#free.indexOf(connection);
      if (at !== -1) this.#free.splice(at, 1);
    });
    return connection;
  }
}
