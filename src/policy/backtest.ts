import type { Decision, DecisionRequest, Journal, Policy } from '../contracts/index.ts';
import { type Recorded, recordedDecisions } from './recorded.ts';

/** A recorded decision that would be another. */
export interface Flip {
  readonly stream: string;
  readonly seq: number;
  readonly timeMs: number;
  readonly request: DecisionRequest;
  readonly was: Decision;
  readonly now: Decision;
}

/** What came of asking a policy again. */
export interface Backtest {
  readonly policy: string;
  readonly hash: string;
  readonly asked: number;
  readonly flipped: number;
  /** Decisions that nobody can read any more. */
  readonly erased: number;
}

interface BacktestOptions {
  readonly fromMs?: number | undefined;
  readonly streams?: readonly string[] | undefined;
  /** Told of each when it is found: there may be many. */
  readonly onFlip: (flip: Flip) => Promise<void> | void;
  readonly signal?: AbortSignal;
}

/** Asks a policy every decision that was recorded, and tells of those that would be another. Errors: `journal_failed`, the signal's reason. */
export async function backtestOn(journal: Pick<Journal, 'scan'>, policy: Policy, { fromMs, streams, onFlip, signal }: BacktestOptions): Promise<Backtest> {
  let [asked, flipped, erased] = [0, 0, 0];
  for await (const { event, now } of backtest(policy, recordedDecisions(journal, { fromMs, streams, onErased: () => erased++ }))) {
    signal?.throwIfAborted();
    asked += 1;
    const { stream, seq, timeMs, data } = event;
    if (now.effect === data.decision.effect) continue;
    flipped += 1;
    await onFlip({ stream, seq, timeMs, request: data.request, was: data.decision, now });
  }
  return { policy: policy.name, hash: policy.hash, asked, flipped, erased };
}

/** Asks a policy what was asked before, by whom it was asked, and keeps nothing. */
export async function* backtest(policy: Policy, recorded: AsyncIterable<Recorded>): AsyncGenerator<Recorded & { readonly now: Decision }> {
  for await (const { event, principal } of recorded) yield { event, principal, now: policy.decide(event.data.request, principal) };
}
