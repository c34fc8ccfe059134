import type { SandboxDriver } from '../../src/contracts/index.ts';

/** A driver with everything around it that a test must be able to reach. Disposing of it removes whatever is left. */
export interface SandboxWorld extends AsyncDisposable {
  readonly driver: SandboxDriver;
  /** Where keys lie. */
  readonly stateDir: string;
  /** Arguments for node: a program that opens a sandbox in this world, prints its id, and waits to be killed. */
  ownerCommand(graceMs: number): readonly string[];
  /** Breaks every connection to a sandbox, as an engine that is restarted does. */
  cutTransports(): void;
  /** What runs: containers in any state, processes. */
  running(): Promise<string[]>;
  /** Whatever there is of sandboxes on this machine, records included. */
  remains(): Promise<string[]>;
}
