import type { Decision, DecisionRequest, Policy, PolicyGrant, Principal } from '../contracts/index.ts';

/** What a run may use, where it is less than its policy lends. */
export interface RunLimits {
  readonly maxUsd?: number | undefined;
  readonly maxSteps?: number | undefined;
  /** What is left of the run's time. */
  readonly leftMs?: number | undefined;
}

/** A policy narrowed by what a run may use. The policy is asked first; the run's own limits only ever add a no. */
export class RunPolicy implements Policy {
  readonly grant: PolicyGrant;
  readonly #policy: Policy;
  readonly #limits: RunLimits;

  constructor(policy: Policy, limits: RunLimits) {
    const { budget, session } = policy.grant;
    this.#policy = policy;
    this.#limits = limits;
    this.grant = {
      ...policy.grant,
      budget: { ...budget, usd: Math.min(budget.usd, limits.maxUsd ?? budget.usd), steps: Math.min(budget.steps, limits.maxSteps ?? budget.steps) },
      session: { ...session, wallMs: Math.min(session.wallMs, limits.leftMs ?? session.wallMs) },
    };
  }

  get name(): string {
    return this.#policy.name;
  }

  get hash(): string {
    return this.#policy.hash;
  }

  decide(request: DecisionRequest, principal?: Principal): Decision {
    const decision = this.#policy.decide(request, principal);
    if (request.action !== 'model.call' || decision.effect === 'deny') return decision;
    const refusal = this.#refusal(request);
    if (refusal === undefined) return decision;
    return { effect: 'deny', reason: { effect: 'deny', ...refusal }, lost: [decision.reason, ...decision.lost], policy: decision.policy };
  }

  #refusal({ spent, worstCase }: Extract<DecisionRequest, { action: 'model.call' }>): { rule: string; text: string } | undefined {
    const { maxUsd, maxSteps } = this.#limits;
    if (maxSteps !== undefined && spent.steps + worstCase.steps > maxSteps) {
      return { rule: 'budget.max_steps', text: `the run may take ${maxSteps} steps, and has taken ${spent.steps}` };
    }
    if (maxUsd !== undefined && spent.usd + worstCase.usd > maxUsd) {
      const text = `the run may spend $${maxUsd}; it has spent $${spent.usd.toFixed(4)}, and the next call may cost $${worstCase.usd.toFixed(4)}`;
      return { rule: 'budget.max_usd', text };
    }
    return undefined;
  }
}
