import type { Decision, Policy } from '../contracts/index.ts';
import type { Recorded } from './recorded.ts';

/** Asks a policy what was asked before, by whom it was asked, and keeps nothing. */
export async function* backtest(policy: Policy, recorded: AsyncIterable<Recorded>): AsyncGenerator<Recorded & { readonly now: Decision }> {
  for await (const { event, principal } of recorded) yield { event, principal, now: policy.decide(event.data.request, principal) };
}
