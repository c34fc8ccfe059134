import type { Decision, DecisionRequest } from '../contracts/index.ts';

/** A person's answer to one exact request. */
export interface Approval {
  readonly approved: boolean;
  /** Who answered. */
  readonly by: string;
  readonly why?: string;
}

/** Someone who can be asked. Rejects only when the signal fires; nobody there is a refusal. */
export interface Approver {
  ask(request: DecisionRequest, decision: Decision, signal?: AbortSignal): Promise<Approval>;
}
