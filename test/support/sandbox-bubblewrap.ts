import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/contracts/index.ts';
import { BubblewrapDriver } from '../../src/sandbox/bubblewrap/index.ts';
import { Keeper } from '../../src/sandbox/bubblewrap/keeper.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import type { Transport } from '../../src/sandbox/transport.ts';
import { init, Station } from '../integration/bubblewrap.harness.ts';
import { ids } from './sandbox-commands.ts';
import type { SandboxWorld } from './sandbox-world.ts';

/** Process sandboxes with a state folder of their own. */
export class BubblewrapWorld implements SandboxWorld {
  readonly #station = new Station();
  readonly #transports = new Set<Transport>();
  readonly #connect = Keeper.prototype.connect;
  readonly driver: BubblewrapDriver;

  constructor() {
    this.driver = bubblewrapDriver(this.stateDir);
    const [connect, transports] = [this.#connect, this.#transports];
    // The only place where a connection can be had: the driver hands none out.
    Keeper.prototype.connect = async function (this: Keeper, signal) {
      const transport = await connect.call(this, signal);
      transports.add(transport);
      return transport;
    };
  }

  get stateDir(): string {
    return this.#station.stateDir;
  }

  ownerCommand(graceMs: number): readonly string[] {
    return [fileURLToPath(new URL('sandbox-bubblewrap-owner.ts', import.meta.url)), this.stateDir, String(graceMs)];
  }

  cutTransports(): void {
    for (const transport of this.#transports) transport.close();
    this.#transports.clear();
  }

  async running(): Promise<string[]> {
    return this.#station.traces().filter((trace) => trace.startsWith('process'));
  }

  async remains(): Promise<string[]> {
    return this.#station.traces();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Keeper.prototype.connect = this.#connect;
    await this.#station[Symbol.asyncDispose]();
  }
}

export function bubblewrapDriver(stateDir: string, ownership = new FolderOwnership(stateDir)): BubblewrapDriver {
  return new BubblewrapDriver({ stateDir, ownership, ids, clock: systemClock, init });
}
