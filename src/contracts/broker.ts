import type { CanaryGrant } from './anomaly.ts';
import type { Stoppable } from './control.ts';
import type { Decision, DecisionRequest } from './decision.ts';
import type { NewEvent } from './events.ts';
import type { CredentialGrant, NetworkGrant } from './policy.ts';
import type { SandboxConnection } from './sandbox.ts';

/** What egress asks of policy. */
export type EgressRequest = Extract<DecisionRequest, { action: 'network.connect' | 'credential.use' }>;

/** The session, as egress sees it: the one who decides and writes down. Where it cannot, it rejects, and egress stops. */
export interface EgressGate {
  /** One after the other, up to the first that is refused; gives the answer to the last. All of them are written, together, before it is given. Errors: `journal_failed`, and whatever ended the session. */
  decide(requests: readonly [EgressRequest, ...EgressRequest[]], signal?: AbortSignal): Promise<{ readonly allowed: boolean; readonly decision: Decision }>;
  /** `durable`: what leaves next waits for it. */
  record(events: readonly NewEvent<'egress.registry' | 'egress.refused' | 'egress.started' | 'egress.ended' | 'anomaly.raised'>[], options?: { readonly durable?: boolean }): Promise<void>;
}

/** What a sandbox needs so that its programs find the way out, and trust it. */
export interface EgressProvisions {
  /** By absolute path. */
  readonly files: Readonly<Record<string, Buffer>>;
  readonly env: Readonly<Record<string, string>>;
  /** On which names are to be heard, beside 80 and 443. */
  readonly ports: readonly number[];
}

/** A request of a program that is in no sandbox. */
export interface EgressCall {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  /** A longer answer is an error. */
  readonly mostBytes: number;
  readonly signal: AbortSignal;
}

export interface EgressAnswer {
  readonly status: number;
  /** By lower-case name; several of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Gives other bytes for those of a stream, in all as many; it may keep some until the next call, and none after the last. */
export type OutputFilter = (bytes: Buffer, isLast: boolean) => Buffer;

/** The way out of one session's sandboxes. Disposing ends every connection. */
export interface Egress extends AsyncDisposable {
  /** Takes a connection over, for good. Never throws: what goes wrong is told to the program and to the journal. */
  accept(connection: SandboxConnection): void;
  /** The same way out, for who is in no sandbox: what a policy refuses is answered as it would be there. Errors: `usage`, `egress_failed`, `cancelled`. */
  request(call: EgressCall): Promise<EgressAnswer>;
  /** The authority that inspected connections are signed by, as PEM. Its key is in memory only. */
  readonly certificate: string;
  /** `folder` is absolute, and in the sandbox. */
  provisions(folder: string): EgressProvisions;
  /** For one channel of a command: secrets that are known are masked in it, and `onCanary` hears of canaries, by where they were planted. Undefined where nothing can come up. */
  outputFilter(onCanary: (canary: string) => void): OutputFilter | undefined;
  /** For one stream of bytes: given each piece, the credential whose secret has come up, if any. Undefined where nothing is lent. */
  secretSight(): ((bytes: Uint8Array) => string | undefined) | undefined;
  /** The canaries that a text has in it. */
  canariesIn(text: string): readonly string[];
}

/** Opens ways out. */
export interface Broker {
  /** Errors: `credential_unavailable` where one cannot be lent, `config_invalid` where nothing says where a registry is, too, `cancelled`. */
  open(options: { readonly gate: EgressGate; readonly network: NetworkGrant; readonly credentials: readonly CredentialGrant[]; readonly borrower?: Stoppable; readonly canaries?: CanaryGrant | undefined; readonly signal: AbortSignal }): Promise<Egress>;
  /** The ports that a way out of this sort listens at in a sandbox, in `EgressProvisions`' order. Errors: `config_invalid`. */
  ports(network: NetworkGrant): Promise<readonly number[]>;
}
