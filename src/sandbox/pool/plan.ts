import { canonicalJson } from '../../contracts/index.ts';
import type { CreateOptions, Sandbox, SandboxKind, Sandboxes, SandboxSpec } from '../../contracts/index.ts';

/** What a request would get if a sandbox were made for it now. */
export interface Plan {
  /** Kind, how its limits are held, the image's digest, the runtime and init: what the machine adds to a request. */
  readonly identity: string;
  make(signal: AbortSignal): Promise<Sandbox>;
}

/** Says what it would make, and makes it. */
export interface Planner extends Sandboxes {
  /** Errors: as `create`, for what can be known beforehand. */
  plan(kinds: readonly SandboxKind[], spec: SandboxSpec, options?: CreateOptions): Promise<Plan>;
}

/**
 * Everything of a request that makes a sandbox what it is. The environment is left out on purpose: nothing of it is in a sandbox before
 * the first command, because it is handed over with each one.
 */
export interface Request {
  readonly kinds: readonly SandboxKind[];
  readonly spec: Omit<SandboxSpec, 'env'>;
  readonly hardLimits: boolean;
  /** Empty: for whoever names none. */
  readonly policy: string;
}

export function requestOf(kinds: readonly SandboxKind[], asked: SandboxSpec, { hardLimits = false, policy = '' }: CreateOptions): Request {
  const { env: _perCommand, ...spec } = asked;
  return { kinds, spec, hardLimits, policy };
}

/** Two requests are served from one stock only if they have this text in common, policy included; whatever the spec gains later is in it, too. */
export function keyOf(request: Request): string {
  return canonicalJson(request);
}
