import type { Decision, DecisionRequest, JournalEvent, Policy } from '../contracts/index.ts';

/** A recorded question to which a policy has another answer than was given then. */
export interface Flip {
  readonly request: DecisionRequest;
  readonly was: Decision;
  readonly now: Decision;
}

/** Asks a policy what was asked before, one after the other. Nothing is kept: a journal may hold more decisions than fit into memory. */
export async function* backtest(policy: Policy, recorded: AsyncIterable<JournalEvent<'decision'>>): AsyncGenerator<{ readonly event: JournalEvent<'decision'>; readonly flip?: Flip }> {
  for await (const event of recorded) {
    const { request, decision: was } = event.data;
    const now = policy.decide(request);
    yield now.effect === was.effect ? { event } : { event, flip: { request, was, now } };
  }
}
