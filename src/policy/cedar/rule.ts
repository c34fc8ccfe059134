import type { Action, Effect, PolicyRule } from '../../contracts/index.ts';
import type { DocumentPath, PlacedLayer } from '../document/layer.ts';
import { ruleName } from '../document/layer.ts';

export type Fact = string | number | boolean | readonly string[] | { readonly [name: string]: Fact };

/** A request as Cedar sees it. */
export interface Facts {
  /** The id of the resource; its type goes with the action. */
  readonly resource: string;
  /** As `schema.ts` has it, `approved` left out. */
  readonly context: { readonly [name: string]: Fact };
}

/**
 * One Cedar policy, and what it means to us. Cedar only knows permit and forbid: `ask` is a forbid that a person can lift. `raw` was written in Cedar, and
 * may look at `context.approved`.
 */
export interface CedarRule<F extends Facts = Facts> {
  /** Of the policy in Cedar: where it stands, `0:commands.deny[0]`, with the number of its layer in front. */
  readonly id: string;
  readonly says: Effect | 'raw';
  readonly source: Pick<PolicyRule, 'rule'> & Partial<PolicyRule>;
  /** The condition; it always speaks without one. Of a raw rule: its whole text. */
  readonly when?: string;
  readonly unless?: string;
  readonly verbatim?: string;
  /** Of the permits of a list, only the first that fits is told. */
  readonly list?: string;
  /** Why it speaks, once it has: one text or several. */
  texts(facts: F): readonly string[];
}

/** The rules of one kind of request, and how such a request becomes facts. */
export interface ActionRules<R, F extends Facts = Facts> {
  /** In the order in which they are told: those of the layer that is nearest to the session first. */
  readonly rules: readonly CedarRule<F>[];
  /** A text where the request is in no form that could be judged: that denies it. */
  facts(request: R): F | string;
}

/** A rule that stands at one place of one layer. */
export function placedRule<F extends Facts>(layer: PlacedLayer, path: DocumentPath, rule: Omit<CedarRule<F>, 'id' | 'source'> & { readonly variant?: string }): CedarRule<F> {
  const { variant = '', ...rest } = rule;
  return { ...rest, id: `${ruleId(layer, path)}${variant}`, source: { rule: ruleName(path), file: layer.file, line: layer.lineOf(path) } };
}

export function ruleId(layer: PlacedLayer, path: DocumentPath): string {
  return `${layer.level}:${ruleName(path)}`;
}

/** What holds where nobody says anything; `of` tells several of one action apart. */
export function defaultRule<F extends Facts>(says: Effect, why: string | CedarRule<F>['texts'], { of = '', unless }: { readonly of?: string; readonly unless?: string } = {}): CedarRule<F> {
  const texts = typeof why === 'string' ? () => [why] : why;
  return { id: ['default', says, of].join(' ').trimEnd(), says, source: { rule: 'default' }, ...(unless === undefined ? {} : { unless }), texts };
}

/** The rule as Cedar text. */
export function cedarText({ says, when, unless, verbatim }: CedarRule, action: Action): string {
  if (verbatim !== undefined) return verbatim;
  const scope = `${says === 'allow' ? 'permit' : 'forbid'} (principal, action == Action::"${action}", resource)`;
  return `${scope}${when === undefined ? '' : `\nwhen { ${when} }`}${unless === undefined ? '' : `\nunless { ${unless} }`};`;
}
