import type { Decision, DecisionRequest } from './decision.ts';
import type { NewEvent } from './events.ts';
import type { CredentialGrant, NetworkGrant } from './policy.ts';
import type { SandboxConnection } from './sandbox.ts';

/** What egress asks of policy. */
export type EgressRequest = Extract<DecisionRequest, { action: 'network.connect' | 'credential.use' }>;

/** The session, as egress sees it: the one who decides and writes down. Where it cannot, it rejects, and egress stops. */
export interface EgressGate {
  /** The answer is written before it is given. Errors: `journal_failed`, and whatever ended the session. */
  decide(request: EgressRequest, signal?: AbortSignal): Promise<{ readonly allowed: boolean; readonly decision: Decision }>;
  record(events: readonly NewEvent<'egress.refused' | 'egress.ended'>[]): Promise<void>;
}

/** What a sandbox needs so that its programs find the way out, and trust it. */
export interface EgressProvisions {
  /** By absolute path. */
  readonly files: Readonly<Record<string, Buffer>>;
  readonly env: Readonly<Record<string, string>>;
}

/** The way out of one session's sandboxes. Disposing ends every connection. */
export interface Egress extends AsyncDisposable {
  /** Takes a connection over, for good. Never throws: what goes wrong is told to the program and to the journal. */
  accept(connection: SandboxConnection): void;
  /** The authority that inspected connections are signed by, as PEM. Its key is in memory only. */
  readonly certificate: string;
  /** `folder` is absolute, and in the sandbox. */
  provisions(folder: string): EgressProvisions;
}

/** Opens ways out. */
export interface Broker {
  /** Errors: `credential_unavailable` where one cannot be lent, `config_invalid`, `cancelled`. */
  open(options: { readonly gate: EgressGate; readonly network: NetworkGrant; readonly credentials: readonly CredentialGrant[]; readonly signal: AbortSignal }): Promise<Egress>;
}
