import type { NewEvent, QueuedRun, RunId } from '../../contracts/index.ts';
import type { Lease } from '../leases.ts';

/** What this program's runs are written in. Raised whenever a run may hold what the version before cannot go on with: older workers leave such runs alone. */
export const RUN_VERSION = 1;

/** A run that was left to newer workers is looked at again after so long, where they cannot be told apart. */
export const LEFT_MS = 10_000;

/** A run that waits for a worker. */
export type Offer = Omit<QueuedRun, 'run' | 'version'> & { readonly run: RunId };

/** A run that a worker has taken. It does one of these with it, or dies and loses it. */
export interface Claim {
  readonly run: RunId;
  readonly lease: Lease;
  /** No worker is needed any more. */
  done(): Promise<void>;
  /** Writes these into the run's stream, and has it wait for a worker again. */
  putBack(notBeforeMs: number, events?: readonly NewEvent[]): Promise<void>;
  /** A newer version has written it: it waits for a newer worker. */
  leave(): Promise<void>;
}

export interface QueueDepth {
  /** How many wait or are worked at. */
  readonly runs: number;
  /** Since when the one that waits longest could have been begun; absent where none waits. Milliseconds since 1970. */
  readonly oldestMs?: number;
}

/**
 * Which runs wait for a worker, and which worker takes which. It says where to look: what a run is, its own stream says, and a run that is taken
 * in vain is put back or done. Caps and rates are kept here, because taking is the one thing that all workers do one after the other.
 */
export interface Queue extends AsyncDisposable {
  /** Writes these into the run's stream, and has it wait for a worker: after a crash both are so, or the run waits in vain, but never is one forgotten. For a run that waits already, when it may be taken is changed. */
  offer(offer: Offer, events?: readonly NewEvent[]): Promise<void>;
  /** The next run that may be taken now; undefined where there is none. */
  claim(worker: string): Promise<Claim | undefined>;
  /** Resolves when there may be something to claim, and when the signal fires. */
  changed(signal: AbortSignal): Promise<void>;
  depth(): Promise<QueueDepth>;
}
