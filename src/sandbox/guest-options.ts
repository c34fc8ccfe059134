import type { IdSource, SandboxId, SandboxKind, SandboxSpec } from '../contracts/index.ts';
import type { Freezer } from './pause.ts';
import type { SandboxState } from './state.ts';
import type { Connect } from './transport.ts';

/** What a driver hands over once it has made a place where init runs (or will, when `connect` is called). */
export interface GuestOptions {
  readonly id: SandboxId;
  readonly kind: SandboxKind;
  /** What was really started: an image's digest, or `host`. */
  readonly image: string;
  /** Where a registry knows it: see `Sandbox`. */
  readonly digests?: readonly string[];
  readonly limitsAre: 'hard' | 'soft';
  readonly spec: SandboxSpec;
  /** Keys, epoch and owner; persisted before each attach. The guest removes the file once `destroy` has resolved. */
  readonly state: SandboxState;
  /** Environment of each command, below the spec's and the command's own: PATH, HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** Bits of `Feature` (wire/protocol.ts) that this kind promises; a hello without them is a failed start. */
  readonly requires: number;
  /** Paths whose filesystems init watches for `disk` and `inodes`; at most 8. */
  readonly writable: readonly string[];
  /** Processes of the sandbox's user, where nothing better than an rlimit holds them. */
  readonly processes?: number | undefined;
  readonly ids: IdSource;
  /** The first call may start the sandbox. */
  readonly connect: Connect;
  /** Somebody before us made it: what fails on our side alone does not end it. */
  readonly adopted?: boolean;
  /** Absent where nothing can freeze it. */
  readonly freezer?: Freezer | undefined;
  /** Removes everything that the driver made, by force; resolves when nothing is left. Idempotent. `asked`: init has been told to end by itself. */
  readonly destroy: (asked: boolean) => Promise<void>;
}
