import type { Decision, JournalEvent, Policy } from '../contracts/index.ts';

/** Asks a policy what was asked before, one after the other. Nothing is kept: a journal may hold more decisions than fit into memory. */
export async function* backtest(policy: Policy, recorded: AsyncIterable<JournalEvent<'decision'>>): AsyncGenerator<{ readonly event: JournalEvent<'decision'>; readonly now: Decision }> {
  for await (const event of recorded) yield { event, now: policy.decide(event.data.request) };
}
