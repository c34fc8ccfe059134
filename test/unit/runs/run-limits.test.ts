import { expect, test } from 'vitest';
import type { DecisionRequest } from '../../../src/contracts/index.ts';
import { RunPolicy } from '../../../src/runs/run-limits.ts';
import { policyOf } from './rig.ts';

const call = (steps: number, usd = 0): DecisionRequest => ({ action: 'model.call', provider: 'a', model: 'b', spent: { usd, tokens: 0, steps }, worstCase: { usd: 0.1, tokens: 0, steps: 1 } });

test('a run has its own limits under a policy that allows more, and under one that only observes', () => {
  const reason = { effect: 'deny', rule: 'models.allow', text: 'no' } as const;
  for (const policy of [policyOf(), policyOf(() => ({ effect: 'deny', reason, observed: true }))]) {
    const limited = new RunPolicy(policy, { maxSteps: 2, maxUsd: 1 });
    expect(limited.decide(call(1))).toEqual(policy.decide(call(1)));
    for (const [request, rule] of [[call(2), 'budget.max_steps'], [call(0, 0.95), 'budget.max_usd']] as const) {
      const decision = limited.decide(request);
      expect(decision).toMatchObject({ effect: 'deny', reason: { rule } });
      expect(decision).not.toHaveProperty('observed');
    }
  }
});
