import type { PolicyDocument, Reason } from '../../contracts/index.ts';
import type { Layer } from '../document/layer.ts';
import { reasonOf } from '../document/layer.ts';
import type { Invocation, Invocations } from '../shell/invocations.ts';
import { readInvocations } from '../shell/invocations.ts';
import { baseName, type Word } from '../shell/shell-word.ts';
import { byDefault, orDefault, type Reasons } from '../verdict.ts';

type CommandRule = NonNullable<NonNullable<PolicyDocument['commands']>['deny']>[number];
type ListName = 'allow' | 'ask' | 'deny';

/** `commands.allow`, `commands.ask`, `commands.deny`. They decide whether to ask; what holds a command is its sandbox. */
export class CommandRules {
  readonly #layers: readonly LayerRules[];

  constructor(layers: readonly Layer[]) {
    this.#layers = layers.filter((layer) => layer.document.commands !== undefined).map((layer) => new LayerRules(layer));
  }

  judge(argv: readonly string[]): Reasons {
    if (argv.length === 0 || argv[0] === '' || argv.some((word) => word.includes('\0'))) return byDefault('deny', 'it is not a command');
    if (this.#layers.length === 0) return UNRULED;
    const invocations = readInvocations(argv);
    return orDefault(this.#layers.flatMap((layer) => layer.judge(argv, invocations)), UNMATCHED);
  }
}

const UNRULED = byDefault('allow', 'this policy has no rules for commands: the sandbox holds them');
const UNMATCHED = byDefault('allow', 'no rule for commands refuses it: the sandbox holds it');

class LayerRules {
  readonly #layer: Layer;
  readonly #allow: RuleIndex | undefined;
  readonly #ask: RuleIndex;
  readonly #deny: RuleIndex;

  constructor(layer: Layer) {
    const { allow, ask, deny } = layer.document.commands ?? {};
    this.#layer = layer;
    this.#allow = allow === undefined ? undefined : new RuleIndex('allow', allow);
    this.#ask = new RuleIndex('ask', ask ?? []);
    this.#deny = new RuleIndex('deny', deny ?? []);
  }

  judge(argv: readonly string[], { programs, doubts }: Invocations): Reason[] {
    const reasons = programs.flatMap((invocation) => [
      ...this.#matching(this.#deny, invocation),
      ...this.#matching(this.#ask, invocation),
      ...(this.#allow === undefined ? [] : [this.#admit(this.#allow, invocation)]),
    ]);
    const doubt = doubts[0];
    return doubt === undefined || this.#isEmpty() ? reasons : [...reasons, ...this.#doubt(argv.join(' '), doubt)];
  }

  #isEmpty(): boolean {
    return this.#allow === undefined && this.#ask.size + this.#deny.size === 0;
  }

  #matching(rules: RuleIndex, invocation: Invocation): Reason[] {
    return rules.of(invocation.program).flatMap(({ rule, at }) => {
      const fit = fitsAnywhere(rule.args ?? [], invocation.args);
      if (fit === 'no') return [];
      const effect = fit === 'yes' ? rules.effect : 'ask';
      const text = rule.reason ?? (fit === 'yes' ? `it runs ${invocation.program}` : `it may run ${invocation.program} ${rule.args?.join(' ')}`);
      return [reasonOf(this.#layer, effect, ['commands', rules.effect, at], text)];
    });
  }

  #admit(rules: RuleIndex, invocation: Invocation): Reason {
    const found = rules.of(invocation.program).find(({ rule }) => startsWith(rule.args ?? [], invocation.args));
    if (found !== undefined) return reasonOf(this.#layer, 'allow', ['commands', 'allow', found.at], found.rule.reason ?? `it runs ${invocation.program}`);
    if (invocation.seenThrough) return reasonOf(this.#layer, 'allow', ['commands', 'allow'], `what ${invocation.program} runs is judged instead`);
    return reasonOf(this.#layer, 'deny', ['commands', 'allow'], `${invocation.program} is not in the list, or not with these arguments`);
  }

  /** Where not everything that runs is known, a rule's program speaks wherever it is named, and a person is asked in any case. */
  #doubt(text: string, doubt: string): Reason[] {
    const words = new Set(text.split(/[^\w.+-]+/));
    const named = [this.#deny, this.#ask].flatMap((rules) =>
      rules.named(words).map(({ rule, at }) => reasonOf(this.#layer, rules.effect, ['commands', rules.effect, at], rule.reason ?? `it names ${rule.program.join(' or ')}`)),
    );
    return [...named, reasonOf(this.#layer, 'ask', ['commands'], `it cannot be seen for certain what it runs: ${doubt}`)];
  }
}

interface PlacedRule {
  readonly rule: CommandRule;
  readonly at: number;
}

const NO_RULES: readonly PlacedRule[] = [];

/** Rules by the program that they name, so that a command costs a look-up and not a walk. */
class RuleIndex {
  readonly effect: ListName;
  readonly size: number;
  readonly #byProgram = new Map<string, PlacedRule[]>();
  readonly #forAny: readonly PlacedRule[];

  constructor(effect: ListName, rules: readonly CommandRule[]) {
    this.effect = effect;
    this.size = rules.length;
    const placed = rules.map((rule, at) => ({ rule, at }));
    this.#forAny = placed.filter(({ rule }) => rule.program.includes('*'));
    for (const one of placed) {
      if (this.#forAny.includes(one)) continue;
      for (const program of one.rule.program) this.#byProgram.set(program, [...(this.#byProgram.get(program) ?? []), one]);
    }
  }

  /** By base name, and by exact path where the program was called by one. */
  of(program: string): readonly PlacedRule[] {
    const byName = this.#byProgram.get(baseName(program)) ?? NO_RULES;
    const byPath = program.includes('/') ? (this.#byProgram.get(program) ?? NO_RULES) : NO_RULES;
    return byPath.length + this.#forAny.length === 0 ? byName : [...byName, ...byPath, ...this.#forAny];
  }

  named(words: ReadonlySet<string>): readonly PlacedRule[] {
    return [...new Set([...this.#byProgram].flatMap(([program, rules]) => (words.has(baseName(program)) ? rules : [])))];
  }
}

/** What allows must fit exactly: the rule's arguments first, and every one of them certain. */
function startsWith(wanted: readonly string[], args: readonly Word[]): boolean {
  return wanted.every((text, i) => args[i]?.certain === true && args[i].text === text);
}

/** What restricts must not be got round by an option in front (`git -C there push`): after one, the arguments may stand anywhere. */
function fitsAnywhere(wanted: readonly string[], args: readonly Word[]): 'yes' | 'maybe' | 'no' {
  const last = args[0]?.text.startsWith('-') === true || args[0]?.certain === false ? args.length - wanted.length : 0;
  let fit: 'maybe' | 'no' = 'no';
  for (let from = 0; from <= last; from++) {
    if (startsWith(wanted, args.slice(from))) return 'yes';
    const possible = wanted.every((text, i) => args[from + i]?.certain === false || args[from + i]?.text === text);
    if (possible) fit = 'maybe';
  }
  return fit;
}
