import { availableParallelism, totalmem } from 'node:os';

/** What all sandboxes of one service may take of their machine. */
export interface AdmissionLimits {
  /** Sandboxes that live at once, ready ones included. */
  readonly sandboxes: number;
  /** The sum of their memory limits. */
  readonly memoryBytes: number;
  /** Sandboxes that are being started at once. */
  readonly starts: number;
  /** Who may wait at once, of all owners together. */
  readonly waiting: number;
  readonly maxWaitMs: number;
}

/** A hundred idle ones cost a core next to nothing (docs/performance.md); it is commands that cost, and those have limits of their own. */
const SANDBOXES_PER_CORE = 64;
/** What a limit promises must be there when it is used; the rest is for the engine, for us, and for the page cache. */
const MEMORY_SHARE = 0.8;
/** Measured with docs/performance.md's `burst`: more gain nothing, and each takes longer. */
const STARTS_PER_CORE = 3;
const WAITING = 256;
const MAX_WAIT_MS = 60_000;

/** Of this machine. With a remote engine they are to be set: its memory is not ours to see. */
export function machineLimits(machine: { readonly cores: number; readonly memoryBytes: number } = { cores: availableParallelism(), memoryBytes: totalmem() }): AdmissionLimits {
  return {
    sandboxes: SANDBOXES_PER_CORE * machine.cores,
    memoryBytes: Math.floor(MEMORY_SHARE * machine.memoryBytes),
    starts: STARTS_PER_CORE * machine.cores,
    waiting: WAITING,
    maxWaitMs: MAX_WAIT_MS,
  };
}
