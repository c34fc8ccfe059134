import {
  type Decision,
  type DecisionRequest,
  GloveboxError,
  type Journal,
  type JournalEvent,
  type NewEvent,
  type Policy,
} from '../contracts/index.ts';
import type { Approver } from './approver.ts';

/** What may go on, or why not. */
export interface Verdict {
  readonly allowed: boolean;
  readonly decision: Decision;
  /** The event that says so; not yet written. */
  readonly event: NewEvent<'decision'>;
}

/** Puts one question to policy, asks a person where policy says so, and has the answer ready for the journal. */
export class Gate {
  readonly #policy: Policy;
  readonly #journal: Journal;
  readonly #stream: string;
  readonly #approver: Approver | undefined;

  constructor(options: { policy: Policy; journal: Journal; stream: string; approver: Approver | undefined }) {
    this.#policy = options.policy;
    this.#journal = options.journal;
    this.#stream = options.stream;
    this.#approver = options.approver;
  }

  /** The answer without a wait where policy is sure; a promise only where a person has to be asked. */
  consider(request: DecisionRequest, signal?: AbortSignal): Verdict | Promise<Verdict> {
    const decision = this.#policy.decide(request);
    if (decision.effect !== 'ask' || decision.observed === true) return verdict(request, decision, decision.effect === 'allow' || decision.observed === true);
    return this.#ask(request, decision, signal);
  }

  /** Considers and writes the answer; throws `denied`, or `budget_exhausted` where a budget said no. */
  async require(request: DecisionRequest, options: { signal?: AbortSignal | undefined; durable?: boolean } = {}): Promise<Decision> {
    const answer = await this.consider(request, options.signal);
    await this.write([answer.event], options.durable);
    if (!answer.allowed) throw refusal(request, answer.decision);
    return answer.decision;
  }

  write(events: readonly NewEvent[], durable = false): Promise<readonly JournalEvent[]> {
    return this.#journal.append(this.#stream, events, { durable });
  }

  async #ask(request: DecisionRequest, decision: Decision, signal?: AbortSignal): Promise<Verdict> {
    if (this.#approver === undefined) {
      return verdict(request, { ...decision, reason: { ...decision.reason, text: `${decision.reason.text} (and nobody can be asked here)` } }, false);
    }
    const approval = await this.#approver.ask(request, decision, signal);
    return verdict(request, decision, approval.approved, approval.by);
  }
}

function verdict(request: DecisionRequest, decision: Decision, allowed: boolean, by?: string): Verdict {
  const data = { request, decision, allowed, ...(by === undefined ? {} : { answeredBy: by }) };
  return { allowed, decision, event: { type: 'decision', data } };
}

/** What a refusal is as an error. */
export function refusal(request: DecisionRequest, decision: Decision): GloveboxError {
  const code = decision.reason.rule.startsWith('budget') ? 'budget_exhausted' : 'denied';
  const where = decision.reason.file === undefined ? '' : ` (${decision.reason.file}:${decision.reason.line ?? 1})`;
  return new GloveboxError(code, `${request.action} was refused by ${decision.reason.rule}${where}: ${decision.reason.text}`, {
    details: { action: request.action, rule: decision.reason.rule, policy: decision.policy },
  });
}
