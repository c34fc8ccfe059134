import type { Action, Decision, DecisionRequest, Policy } from '../contracts/index.ts';
import type { Layer } from './document/layer.ts';

/** To enforce is stricter, and what says nothing enforces: a policy observes where every layer of it says so. */
export function modeOf(layers: readonly Layer[]): Policy['mode'] {
  return layers.every(({ document }) => document.mode === 'observe') ? 'observe' : 'enforce';
}

/** What a sandbox is made of, what it may reach, and whose credentials it borrows. */
const SEALED: ReadonlySet<Action> = new Set(['session.open', 'network.connect', 'credential.use']);

/** Whether a decision binds in either mode: it is of what seals a sandbox, or costs money. What is allowed needs no mode to pass. */
export function holdsAnyway({ action }: DecisionRequest, { effect, reason, lost }: Decision): boolean {
  if (effect === 'allow' || SEALED.has(action)) return true;
  return [reason, ...lost].some((one) => one.effect !== 'allow' && one.rule.startsWith('budget.'));
}
