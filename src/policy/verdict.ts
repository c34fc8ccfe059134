import type { Decision, Effect, Reason } from '../contracts/index.ts';

const STRICTNESS = { deny: 2, ask: 1, allow: 0 } as const satisfies Record<Effect, number>;

/** What a room's rules say to a request: at least one reason. */
export type Reasons = readonly [Reason, ...Reason[]];

/** Deny wins over ask, ask over allow; among equals the first, which is the one of the policy nearest to the session. */
export function decisionOf(reasons: Reasons, policy: string): Decision {
  let reason = reasons[0];
  for (const other of reasons) if (STRICTNESS[other.effect] > STRICTNESS[reason.effect]) reason = other;
  const lost = reasons.length === 1 ? NOTHING : reasons.filter((other) => other !== reason);
  return { effect: reason.effect, reason, lost, policy };
}

const NOTHING: readonly Reason[] = [];

/** The reason where no rule spoke. */
export function byDefault(effect: Effect, text: string): Reasons {
  return [{ effect, rule: 'default', text }];
}

/** What rules said; the default where none did. */
export function orDefault(reasons: readonly Reason[], fallback: Reasons): Reasons {
  const [first, ...rest] = reasons;
  return first === undefined ? fallback : [first, ...rest];
}
