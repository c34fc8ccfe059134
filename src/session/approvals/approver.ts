import type { Approval, ApprovalAnswer, ApprovalId, Principal } from '../../contracts/index.ts';

/** Who is there while a session goes on. */
export interface Attendance {
  readonly approver?: Approver;
  /** Told when the session begins to wait for somebody who is not there. */
  readonly onWaiting?: (approval: Pick<Approval, 'id' | 'question'>) => void;
}

/** Somebody who sits there and can be asked. */
export interface Approver {
  readonly principal: Principal;
  /** Undefined where he cannot say anything any more; others may still answer. Rejects only when the signal fires: it was answered elsewhere, or nobody wants to know any more. */
  ask(approval: Approval, signal: AbortSignal): Promise<{ readonly answer: ApprovalAnswer; readonly why?: string } | undefined>;
  /** He may not answer, or his answer did not count: why. Somebody else may have to. */
  refused(id: ApprovalId, why: string): void;
}
