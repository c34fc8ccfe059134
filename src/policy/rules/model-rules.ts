import type { DecisionRequest, Reason, Spending } from '../../contracts/index.ts';
import type { Layer } from '../document/layer.ts';
import { budgetCeilings, type Ceiling } from '../grant.ts';
import { byDefault, orDefault, type Reasons } from '../verdict.ts';
import { type GlobList, statedLists } from './glob-list.ts';

type ModelRequest = Extract<DecisionRequest, { action: 'model.call' }>;

/** Sums of prices are not exact: less than a millionth of a cent over is not over. */
const TOLERANCE = 1e-8;

/** Which models, and whether a call at its worst would still be within the budget. */
export class ModelRules {
  readonly #allow: readonly GlobList[];
  readonly #budget: Readonly<Record<keyof Spending, Ceiling>>;

  constructor(layers: readonly Layer[]) {
    this.#allow = statedLists(layers, ['models', 'allow'], (layer) => layer.document.models?.allow, 'name');
    this.#budget = budgetCeilings(layers);
  }

  judge(request: ModelRequest): Reasons {
    const name = `${request.provider}:${request.model}`;
    const overspent = (['usd', 'tokens', 'steps'] as const).flatMap((unit) => this.#judgeSpending(unit, request));
    return orDefault([...this.#allow.map((list) => list.admit(name)), ...overspent], WITHIN_BUDGET);
  }

  #judgeSpending(unit: keyof Spending, { spent, worstCase }: ModelRequest): Reason[] {
    const { value, ...from } = this.#budget[unit];
    const after = spent[unit] + worstCase[unit];
    // Written so that NaN is refused, too.
    if (spent[unit] >= 0 && worstCase[unit] >= 0 && after <= value + TOLERANCE) return [];
    const text = `this call could bring the session to ${say(after)} ${unit} of ${say(value)}: ${say(spent[unit])} are spent, and it may use ${say(worstCase[unit])}`;
    return [{ effect: 'deny', ...from, text }];
  }
}

const WITHIN_BUDGET = byDefault('allow', 'it is within the budget');

function say(amount: number): string {
  return String(Number(amount.toFixed(6)));
}
