import { GloveboxError, type DecisionRequest, type Policy } from '../../contracts/index.ts';
import { requestOf } from '../question.ts';
import { asQuestion } from './as-question.ts';

/** A `tests.yaml` of requests that a policy allows: what it was learned for stays possible, whatever becomes of the policy. */
export function learnedTests(policy: Policy, examples: readonly DecisionRequest[]): string {
  const cases = examples.map(asQuestion).filter((question) => {
    try {
      return policy.decide(requestOf(question, policy)).effect === 'allow';
    } catch (error) {
      // There is no way to ask it.
      if (error instanceof GloveboxError) return false;
      throw error;
    }
  });
  // JSON is YAML.
  return ['# What the policy was learned for: each was the first to show something that it allows.', ...cases.map((question) => `- ${JSON.stringify({ ...question, expect: 'allow' })}`), ''].join('\n');
}
