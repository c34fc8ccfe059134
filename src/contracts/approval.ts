import { hash } from 'node:crypto';
import { canonicalJson } from './canonical.ts';
import type { Action, DecisionRequest, Reason } from './decision.ts';
import type { EffectRequest } from './effect.ts';
import type { ApprovalId } from './ids.ts';
import type { StreamsOptions } from './journal.ts';
import type { Principal } from './principal.ts';

/**
 * `once`: this one time. `session`: the same request again in this session needs no second asking. `never`: no, and it is not asked again in this session.
 * `happened`: of an effect of which nobody knew whether it was done, that it was.
 */
export type ApprovalAnswer = 'once' | 'session' | 'never' | 'happened';

/** What somebody can be asked about. */
export type AskedRequest = DecisionRequest | EffectRequest;

/** Who may be asked, and for how long, by a policy. */
export interface ApprovalGrant {
  /** Any of these roles. */
  readonly by: readonly string[];
  readonly expiresMs: number;
  /** Whether somebody may approve what he asked for himself. */
  readonly own: boolean;
  /** What others are asked about than whoever sits at the terminal; everything where nothing is said. */
  readonly for?: readonly Action[];
}

/** What an answer is bound to: any other value of any of these is another question. */
export interface ApprovalBinding {
  /** Of the canonical request: `sha256:…`. */
  readonly requestHash: string;
  /** The workspace that the request is about, where it is about one: the tree of a patch, or the last checkpoint. */
  readonly tree?: string;
  readonly policyHash: string;
  /** The run's stream, or that of a session without a run. */
  readonly stream: string;
}

/** What somebody is asked. */
export interface ApprovalQuestion extends ApprovalBinding {
  readonly session: string;
  readonly tenant: string;
  /** Who wants it: a principal's name. */
  readonly askedBy: string;
  readonly request: AskedRequest;
  /** Why policy asks. */
  readonly reason: Reason;
  readonly policy: string;
  readonly by: readonly string[];
  readonly own: boolean;
  readonly expiresAtMs: number;
}

/** Why an answer did not count. */
export type ApprovalRefusal = 'altered' | 'answered' | 'expired' | 'over' | 'role' | 'own';

/** `pending` until it is answered, `expired`, or `over`, because whoever asked is gone. `used`: an answer `once` that has let its request through. */
export type ApprovalStatus = 'pending' | 'answered' | 'used' | 'expired' | 'over';

export interface Approval {
  readonly id: ApprovalId;
  readonly question: ApprovalQuestion;
  readonly status: ApprovalStatus;
  readonly askedAtMs: number;
  readonly answer?: { readonly answer: ApprovalAnswer; readonly by: string; readonly why?: string; readonly timeMs: number };
}

/** An answer as somebody gives it. `requestHash` is that of the request which he was shown. */
export interface GivenAnswer {
  readonly by: Principal;
  readonly answer: ApprovalAnswer;
  readonly why?: string;
  readonly requestHash: string;
}

/** What waits for a person, and the way to say yes or no: for a terminal, the HTTP API, the dashboard and comments alike. */
export interface Approvals {
  /** Of this principal's tenant, newest first; the pending ones alone unless `all`; `before` goes on after the last one of a page. Errors: `denied` where he may not read. */
  list(as: Principal, options?: { readonly all?: boolean } & Pick<StreamsOptions, 'limit' | 'before'>): Promise<readonly Approval[]>;
  /** Errors: `not_found`, for those of another tenant as well; `denied`. */
  get(id: ApprovalId, as: Principal): Promise<Approval>;
  /** Errors: `not_found`; `approval_refused` with the reason, which is written down, for an answer that does not count. */
  answer(id: ApprovalId, given: GivenAnswer): Promise<Approval>;
}

/** What a request is bound by: `sha256:…` of its canonical form. */
export function requestHash(request: AskedRequest): string {
  return `sha256:${hash('sha256', canonicalJson(request))}`;
}
