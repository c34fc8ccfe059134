import { BUDGET_SCOPES, type BudgetAccount, type BudgetScope, type DecisionRequest, MICRO_USD, type Spending } from '../../contracts/index.ts';
import { ceilingOf, count } from '../cedar/count.ts';
import { type ActionRules, type CedarRule, defaultRule } from '../cedar/rule.ts';
import type { PlacedLayer } from '../document/layer.ts';
import { budgetCeilings, type Ceiling } from '../grant.ts';
import { type GlobList, statedLists, type TextFacts } from './glob-list.ts';

type ModelRequest = Extract<DecisionRequest, { action: 'model.call' }>;

interface ModelFacts extends TextFacts {
  readonly host: string;
  readonly spent: Spending;
  readonly worstCase: Spending;
  readonly overdrawn: readonly Overdraft[];
}

/** An account that the call could bring over its limit. */
interface Overdraft {
  readonly account: BudgetAccount;
  readonly unit: 'usd' | 'tokens';
}

const SUBJECT = { text: 'context.name' };
const HOST = { text: 'context.host' };
/** What was recorded before hosts were: no pattern but `*` fits it. */
const UNKNOWN_HOST = 'an unknown host';

/** Which models, where their calls may go, and whether a call at its worst would still be within the budgets: the session's, and those that an operator gave its tenant and user. */
export class ModelRules implements ActionRules<ModelRequest, ModelFacts> {
  readonly rules: readonly CedarRule<ModelFacts>[];
  readonly #allow: readonly GlobList[];
  readonly #hosts: readonly GlobList[];

  constructor(layers: readonly PlacedLayer[]) {
    this.#allow = statedLists(layers, ['models', 'allow'], ({ document }) => document.models?.allow, SUBJECT);
    this.#hosts = statedLists(layers, ['models', 'hosts'], ({ document }) => document.models?.hosts, HOST);
    const budget = budgetCeilings(layers);
    this.rules = [
      ...this.#allow.flatMap((list) => list.admitting()),
      // Nothing leaves this machine where there is none.
      ...this.#hosts.map((list) => list.closing<ModelFacts>(({ host }) => host, ['context.host == ""'])),
      ...(['usd', 'tokens', 'steps'] as const).map((unit) => overspent(unit, budget[unit])),
      ...BUDGET_SCOPES.map(overdrawn),
      ...(this.#allow.length > 0 ? [] : [WITHIN_BUDGET]),
    ];
  }

  facts({ provider, model, host = UNKNOWN_HOST, spent, worstCase, accounts = [] }: ModelRequest): ModelFacts | string {
    const name = `${provider}:${model}`;
    const odd = [name, host].find((text) => !text.isWellFormed());
    if (odd !== undefined) return `${JSON.stringify(odd)} is not Unicode`;
    const fits = [...this.#allow.flatMap((list) => list.fitting(name)), ...this.#hosts.flatMap((list) => list.fitting(host))];
    const overdrafts = accounts.flatMap((account) => overdraftsOf(account, worstCase));
    const scopes = [...new Set(overdrafts.map(({ account }) => account.scope))];
    return { resource: name, text: name, host, spent, worstCase, overdrawn: overdrafts, context: { name, host, spent: counted(spent), worstCase: counted(worstCase), overdrawn: scopes, fits } };
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

/** The limits are an operator's, and come with the request: here they only get a name in the policy. */
function overdrawn(scope: BudgetScope): CedarRule<ModelFacts> {
  return {
    id: `budget.${scope}`,
    says: 'deny',
    source: { rule: `budget.${scope}` },
    when: `context.overdrawn.contains("${scope}")`,
    texts: ({ overdrawn: found, worstCase }) => found.filter(({ account }) => account.scope === scope).map((overdraft) => sayOverdraft(overdraft, worstCase)),
  };
}

function overdraftsOf(account: BudgetAccount, worstCase: Spending): readonly Overdraft[] {
  const { limit, used, reserved } = account;
  const isOver = (most: number | undefined, held: number, worst: number): boolean => most !== undefined && !(held + worst <= most);
  return [
    ...(isOver(limit.microUsd, used.microUsd + reserved.microUsd, count(worstCase.usd, MICRO_USD)) ? [{ account, unit: 'usd' as const }] : []),
    ...(isOver(limit.tokens, used.tokens + reserved.tokens, count(worstCase.tokens)) ? [{ account, unit: 'tokens' as const }] : []),
  ];
}

function sayOverdraft({ account, unit }: Overdraft, worstCase: Spending): string {
  const { scope, name, limit, used, reserved } = account;
  const [owner, period] = scope.split('.');
  const amounts = unit === 'usd' ? [used.microUsd, reserved.microUsd, limit.microUsd ?? 0].map((micro) => micro / MICRO_USD) : [used.tokens, reserved.tokens, limit.tokens ?? 0];
  const [spent = 0, held = 0, most = 0] = amounts;
  return `this call could bring the ${owner} ${name} over its ${say(most)} ${unit} a ${period}: ${say(spent)} are spent, calls under way may use ${say(held)}, and this one ${say(worstCase[unit])}`;
}

function counted({ usd, tokens, steps }: Spending) {
  return { microUsd: count(usd, MICRO_USD), tokens: count(tokens), steps: count(steps) };
}

function say(amount: number): string {
  return String(Number(amount.toFixed(6)));
}
