import type { Broker, CreateOptions, Policy, SandboxSpec, WarmSandboxes } from '../contracts/index.ts';

/** Without a sign of us for so long a sandbox ends itself; long enough for a restart of the service. */
const GRACE_MS = 30_000;

/** What a sandbox under a policy is made with, without what its session adds for its way out. */
export function specUnder({ grant }: Policy, image: string = grant.image): SandboxSpec {
  return { image, limits: grant.sandbox, graceMs: GRACE_MS };
}

/** What stands ready under one policy's text is handed out under no other. */
export function handedOutUnder({ grant, hash }: Policy): Pick<CreateOptions, 'hardLimits' | 'policy'> {
  return { hardLimits: grant.hardLimits, policy: hash };
}

export interface KeepReadyPorts {
  readonly sandboxes: WarmSandboxes;
  readonly broker?: Pick<Broker, 'ports'>;
}

/**
 * Keeps so many sandboxes ready for the next sessions under this policy that ask for nothing else; 0 lets go of them. Resolves once they are.
 * Errors: those of `WarmSandboxes.warm` and of `Broker.ports`.
 */
export async function keepReady({ sandboxes, broker }: KeepReadyPorts, policy: Policy, floor: number, signal?: AbortSignal): Promise<void> {
  const { network, kinds } = policy.grant;
  const spec = specUnder(policy);
  const whole = network === undefined || broker === undefined ? spec : { ...spec, network: { ports: await broker.ports(network) } };
  await sandboxes.warm(kinds, whole, { ...handedOutUnder(policy), floor, ...(signal === undefined ? {} : { signal }) });
}
