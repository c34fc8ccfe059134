import type { Approvals, Authority, BlobStore, Broker, Budgets, Clock, Control, IdSource, Isolates, Journal, Model, Policy, Principal, Redactor, SandboxKind, Sandboxes, ServedTerms, SessionId, Spending, Variables } from '../contracts/index.ts';
import type { Attendance } from './approvals/approver.ts';
import { Asking } from './approvals/asking.ts';
import { Gate } from './gate.ts';
import { NO_REDACTOR } from './redacted.ts';

/** What a session acts through. */
export interface SessionPorts extends Attendance {
  readonly journal: Journal;
  readonly sandboxes: Sandboxes;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** No JavaScript runs without. */
  readonly isolates?: Isolates;
  /** Where snapshots of workspaces are kept; none can be taken without. */
  readonly blobs?: BlobStore;
  /** Nobody can be asked without: `ask` is a refusal then. */
  readonly approvals?: Approvals;
  /** Who may begin a session at all; anybody where there is none. */
  readonly authority?: Authority;
  /** Nobody can stop it from outside without. */
  readonly control?: Control;
  /** Nothing is masked without. */
  readonly redactor?: Redactor;
  /** There is no way out without, whatever policy says. */
  readonly broker?: Broker;
  /** What is spent counts for nobody but the session without. */
  readonly budgets?: Budgets;
}

export interface SessionOptions {
  readonly principal: Principal;
  readonly policy: Policy;
  /** The journal stream: the run's id. A session of its own has a stream of its own. */
  readonly run?: string;
  /** Instead of the policy's; the policy decides whether it may be. */
  readonly image?: string;
  /** What `image` was found to be (`sha256:…`), by whoever looked it up or built it for the operator: policy is asked about the name, and this is started. Never from a client. */
  readonly imageReference?: string;
  readonly kinds?: readonly SandboxKind[];
  readonly env?: Readonly<Record<string, string>>;
  /** What names in braces of the policy stand for. What is no name in a path matches nothing. */
  readonly variables?: Variables;
  /** The workspace that it begins with, where that is a tree: what is approved of a command is approved with these files. */
  readonly tree?: string;
  /** What the run spent in earlier sessions. */
  readonly spent?: Spending;
  /** A client of the service opens it: written down for whoever goes on with it after a crash. */
  readonly served?: ServedTerms;
  /** Asked in this order where the model that is asked cannot be had. */
  readonly fallbacks?: readonly Model[];
  readonly signal?: AbortSignal;
}

/** Who decides for a session, and whom it asks. */
export function openGate(ports: SessionPorts, { policy, principal, run, tree }: SessionOptions, session: SessionId, over: AbortSignal): Gate {
  const { journal } = ports;
  const stream = run ?? session;
  const asking = new Asking(ports, { session, stream, principal, policy: policy.name, policyHash: policy.hash, grant: policy.grant.approvals });
  return new Gate({ policy, principal, journal, redactor: ports.redactor ?? NO_REDACTOR, stream, asking, over, tree });
}
