import type { DecisionRequest, Spending } from '../../contracts/index.ts';
import { ceilingOf, count } from '../cedar/count.ts';
import { type ActionRules, type CedarRule, defaultRule } from '../cedar/rule.ts';
import type { PlacedLayer } from '../document/layer.ts';
import { budgetCeilings, type Ceiling } from '../grant.ts';
import { type GlobList, statedLists, type TextFacts } from './glob-list.ts';

type ModelRequest = Extract<DecisionRequest, { action: 'model.call' }>;

interface ModelFacts extends TextFacts {
  readonly spent: Spending;
  readonly worstCase: Spending;
}

const SUBJECT = { text: 'context.name' };
const MICRO_USD = 1e6;

/** Which models, and whether a call at its worst would still be within the budget. */
export class ModelRules implements ActionRules<ModelRequest, ModelFacts> {
  readonly rules: readonly CedarRule<ModelFacts>[];
  readonly #allow: readonly GlobList[];

  constructor(layers: readonly PlacedLayer[]) {
    this.#allow = statedLists(layers, ['models', 'allow'], ({ document }) => document.models?.allow, SUBJECT);
    const budget = budgetCeilings(layers);
    this.rules = [
      ...this.#allow.flatMap((list) => list.admitting()),
      ...(['usd', 'tokens', 'steps'] as const).map((unit) => overspent(unit, budget[unit])),
      ...(this.#allow.length > 0 ? [] : [WITHIN_BUDGET]),
    ];
  }

  facts({ provider, model, spent, worstCase }: ModelRequest): ModelFacts | string {
    const name = `${provider}:${model}`;
    if (!name.isWellFormed()) return `${JSON.stringify(name)} is not Unicode`;
    const fits = this.#allow.flatMap((list) => list.fitting(name));
    return { resource: name, text: name, spent, worstCase, context: { name, spent: counted(spent), worstCase: counted(worstCase), fits } };
  }
}

const WITHIN_BUDGET = defaultRule('allow', 'it is within the budget');

function overspent(unit: keyof Spending, { value, ...source }: Ceiling): CedarRule<ModelFacts> {
  const [fact, perUnit] = unit === 'usd' ? ['microUsd', MICRO_USD] : [unit, 1];
  return {
    id: source.rule,
    says: 'deny',
    source,
    when: `context.spent.${fact} + context.worstCase.${fact} > ${ceilingOf(value, perUnit)}`,
    texts: ({ spent, worstCase }) => [
      `this call could bring the session to ${say(spent[unit] + worstCase[unit])} ${unit} of ${say(value)}: ${say(spent[unit])} are spent, and it may use ${say(worstCase[unit])}`,
    ],
  };
}

function counted({ usd, tokens, steps }: Spending) {
  return { microUsd: count(usd, MICRO_USD), tokens: count(tokens), steps: count(steps) };
}

function say(amount: number): string {
  return String(Number(amount.toFixed(6)));
}
