import type { Action, Effect, Principal, Reason } from '../../contracts/index.ts';
import { byDefault, orDefault, type Reasons } from '../verdict.ts';
import { type Answer, PolicySet } from './engine.ts';
import { type ActionRules, type CedarRule, cedarText, type Facts } from './rule.ts';
import { anyOf } from './text.ts';

/** Everything that a policy says to one kind of request, as Cedar has it. */
export class ActionPolicy<R, F extends Facts = Facts> {
  readonly action: Action;
  readonly rules: readonly CedarRule<F>[];
  readonly #of: ActionRules<R, F>;
  /** All permits, and all forbids in one: what Cedar evaluates costs by the policy, not by what stands in it. */
  readonly #verdict: PolicySet;
  /** Each forbid by itself: which of them spoke. */
  readonly #forbids: PolicySet;
  /** What would let a request through that is denied: these lost. */
  readonly #permits: PolicySet;
  /** Only rules that were written in Cedar look at who asks, or at an approval. */
  readonly #hasRaw: boolean;

  /** `raw`: rules that were written in Cedar. */
  constructor(action: Action, of: ActionRules<R, F>, raw: readonly CedarRule[]) {
    this.action = action;
    this.rules = [...of.rules, ...raw];
    this.#of = of;
    this.#hasRaw = raw.length > 0;
    const texts = (rules: readonly CedarRule<F>[]) => Object.fromEntries(rules.map((rule) => [rule.id, cedarText(rule, action)]));
    const permits = this.rules.filter(({ says }) => says === 'allow');
    const forbids = this.rules.filter(({ says }) => says !== 'allow');
    this.#permits = new PolicySet(action, texts(permits));
    this.#forbids = new PolicySet(action, texts(forbids));
    this.#verdict = new PolicySet(action, texts([...permits, ...joined(forbids), ...raw]));
  }

  get looksAtPrincipal(): boolean {
    return this.#hasRaw;
  }

  decide(request: R, principal: Principal): Reasons {
    const facts = this.#of.facts(request);
    if (typeof facts === 'string') return byDefault('deny', facts);
    const asked = this.#hasRaw ? principal : undefined;
    const verdict = this.#verdict.ask(facts, false, asked);
    if (verdict.errors.length > 0) return this.#failed(verdict);
    return verdict.allowed ? this.#told(new Set(verdict.ids), NONE, facts) : this.#denied(facts, asked);
  }

  /** Who denied it, and who would have let it through. */
  #denied(facts: F, principal: Principal | undefined): Reasons {
    const forbids = this.#forbids.ask(facts, false, principal);
    // A raw rule that gives way to an approval asks for one; whatever forbids in spite of it denies.
    const approved = this.#hasRaw ? this.#forbids.ask(facts, true, principal) : forbids;
    const permits = this.#permits.ask(facts, false, principal);
    const errors = [...forbids.errors, ...approved.errors, ...permits.errors];
    if (errors.length > 0) return this.#failed({ errors });
    const told = this.#told(new Set([...forbids.ids, ...approved.ids, ...permits.ids]), new Set(approved.ids), facts);
    const effects = new Set(told.map(({ effect }) => effect));
    // What would be asked about has to be permitted; and what nothing forbids and nothing permits is denied.
    return effects.has('deny') || (effects.has('ask') && permits.allowed) ? told : [...CLOSED, ...told];
  }

  /** The reasons of these rules, and of raw ones whether they deny or ask. A default speaks only where no rule does. */
  #told(ids: ReadonlySet<string>, inSpiteOfApproval: ReadonlySet<string>, facts: F): Reasons {
    const reasons: Reason[] = [];
    const lists = new Set<string>();
    for (const rule of this.rules) {
      if (!ids.has(rule.id) || (rule.list !== undefined && lists.has(rule.list))) continue;
      if (rule.list !== undefined) lists.add(rule.list);
      const effect: Effect = rule.says !== 'raw' ? rule.says : inSpiteOfApproval.has(rule.id) ? 'deny' : 'ask';
      const texts = rule.texts(facts);
      for (const text of texts.length === 0 ? ['it speaks of this'] : texts) reasons.push({ effect, ...rule.source, text });
    }
    const stated = reasons.filter(({ effect, rule }) => effect !== 'allow' || rule !== 'default');
    return orDefault(stated.length === 0 ? reasons : stated, CLOSED);
  }

  /** Where a rule cannot be evaluated, nothing else that was said counts. */
  #failed({ errors }: Pick<Answer, 'errors'>): Reasons {
    const [first, ...more] = errors.map(({ id, text }): Reason => {
      const source = this.rules.find((rule) => rule.id === id)?.source ?? { rule: 'default' };
      return { effect: 'deny', ...source, text: `a rule that cannot be evaluated denies: ${text}` };
    });
    return orDefault(first === undefined ? [] : [first, ...more], byDefault('deny', 'it cannot be evaluated'));
  }
}

const CLOSED = byDefault('deny', 'nothing lets it through');
const NONE: ReadonlySet<string> = new Set();

/** One forbid that holds where any of these does; raw rules are left as they are. */
function joined<F extends Facts>(forbids: readonly CedarRule<F>[]): CedarRule<F>[] {
  const conditions = forbids.flatMap(({ verbatim, when, unless }) => (verbatim !== undefined ? [] : [when ?? (unless === undefined ? 'true' : `!(${unless})`)]));
  return conditions.length === 0 ? [] : [{ id: 'any', says: 'deny', source: { rule: 'default' }, when: anyOf(conditions), texts: () => [] }];
}
