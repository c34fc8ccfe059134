import { posix } from 'node:path';
import type { DecisionRequest, PolicyDocument } from '../../contracts/index.ts';
import { type ActionRules, type CedarRule, defaultRule, type Facts, placedRule, ruleId } from '../cedar/rule.ts';
import { anyOf, isPlain, quote, setOf } from '../cedar/text.ts';
import type { PlacedLayer } from '../document/layer.ts';
import type { Invocation, Invocations } from '../shell/invocations.ts';
import { readInvocations } from '../shell/invocations.ts';
import { baseName, type Word } from '../shell/shell-word.ts';

/** Code for an interpreter is judged as the command that would run it by itself. */
type CommandRequest = Extract<DecisionRequest, { action: 'command.exec' | 'context.run' }>;
type CommandRule = NonNullable<NonNullable<PolicyDocument['commands']>['deny']>[number];

interface CommandFacts extends Facts {
  readonly invocations: Invocations;
  /** Why not everything that runs is seen. */
  readonly unseen: string | undefined;
}

/** `commands.allow`, `commands.ask`, `commands.deny`. They decide whether to ask; what holds a command is its sandbox. */
export class CommandRules implements ActionRules<CommandRequest, CommandFacts> {
  readonly rules: readonly CedarRule<CommandFacts>[];
  readonly #layers: readonly LayerRules[];
  readonly #read: boolean;
  /** Base names that are looked for in a text of which not every program can be seen. */
  readonly #named: readonly string[];

  /** `raw`: there are rules that were written in Cedar, and these look at programs, too. */
  constructor(layers: readonly PlacedLayer[], raw: boolean) {
    const stating = layers.filter(({ document }) => document.commands !== undefined);
    this.#layers = stating.map((layer) => new LayerRules(layer));
    this.#read = raw || stating.length > 0;
    this.#named = [...new Set(this.#layers.flatMap((layer) => layer.named))];
    const admits = this.#layers.some((layer) => layer.admits);
    this.rules = [...this.#layers.flatMap((layer) => layer.rules), ...(admits ? [] : [stating.length === 0 ? UNRULED : UNMATCHED])];
  }

  facts(request: CommandRequest): CommandFacts | string {
    const { cwd } = request;
    const argv = request.action === 'command.exec' ? request.argv : commandOf(request);
    const [program = ''] = argv;
    if (program === '' || argv.some((word) => word.includes('\0'))) return 'it is not a command';
    if (![...argv, cwd].every((word) => word.isWellFormed())) return 'it is not Unicode';
    const invocations = this.#read ? readInvocations(argv) : UNREAD;
    const isSeen = this.#read && invocations.doubts.length === 0;
    const words = isSeen || this.#layers.length === 0 ? NO_WORDS : wordsOf(argv.join(' '));
    const launched = invocations.code.length === 0 ? undefined : this.#launched(invocations.code);
    const certain = isSeen && launched === undefined;
    const named = this.#named.filter((name) => words.has(name));
    const programs = [...new Set(invocations.programs.flatMap(({ program: one }) => (one.includes('/') ? [baseName(one), one] : [one])))];
    const fits: string[] = [];
    const maybe: string[] = [];
    for (const layer of this.#layers) layer.fit({ argv, invocations: invocations.programs, words }, fits, maybe);
    return { resource: baseName(program), invocations, unseen: invocations.doubts[0] ?? launched, context: { programs, certain, cwd, named, fits, maybe } };
  }

  /** A program that a rule restricts and that code names, which some other program runs. */
  #launched(code: readonly string[]): string | undefined {
    const words = wordsOf(code.join(' '));
    const name = this.#layers.map((layer) => layer.namedIn(words)).find((one) => one !== undefined);
    return name === undefined ? undefined : `it runs code that names ${name}`;
  }
}

function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.split(/[^\w.+-]+/));
}

/** The command that would run the code. */
export function commandOf({ language, code }: Extract<CommandRequest, { action: 'context.run' }>): readonly string[] {
  return language === 'python' ? ['python3', '-c', code] : ['node', '-e', code];
}

const NO_WORDS: ReadonlySet<string> = new Set();
const UNREAD: Invocations = { programs: [], doubts: [], code: [] };
const UNRULED = defaultRule('allow', 'this policy has no rules for commands: the sandbox holds them');
const UNMATCHED = defaultRule('allow', 'no rule for commands refuses it: the sandbox holds it');

class LayerRules {
  readonly rules: readonly CedarRule<CommandFacts>[];
  readonly named: readonly string[];
  readonly #layer: PlacedLayer;
  /** There where the layer has a list of what may run: by program, whole, or both. */
  readonly #allow: RuleIndex | undefined;
  /** Ids of whole commands. */
  readonly #exactly: ReadonlyMap<string, string>;
  readonly #restricting: RuleIndex;
  readonly #names: readonly PlacedRule[];

  constructor(layer: PlacedLayer) {
    this.#layer = layer;
    const placed = (list: 'allow' | 'ask' | 'deny') => (layer.document.commands?.[list] ?? []).map((rule, at) => new PlacedRule(layer, list, at, rule));
    const [allow, ask, deny] = [placed('allow'), placed('ask'), placed('deny')];
    const restricting = [...deny, ...ask];
    this.#names = restricting;
    const exactly = layer.document.commands?.exactly;
    this.#allow = layer.document.commands?.allow === undefined && exactly === undefined ? undefined : new RuleIndex(allow);
    this.#exactly = new Map((exactly ?? []).map((argv, at) => [JSON.stringify(argv), ruleId(layer, ['commands', 'exactly', at])]));
    // What only names programs, Cedar sees for itself.
    this.#restricting = new RuleIndex(restricting.filter(({ isFact }) => isFact));
    this.named = restricting.flatMap(({ isFact, names }) => (isFact ? [] : names));
    this.rules = [
      ...restricting.flatMap((rule) => rule.against()),
      ...(exactly ?? []).map((_, at) => this.#whole(at)),
      ...(this.#allow === undefined ? [] : this.#admitting(allow)),
      ...(this.#allow === undefined && restricting.length === 0 ? [] : [this.#doubting()]),
    ];
  }

  get admits(): boolean {
    return this.#allow !== undefined;
  }

  /** Adds the ids of rules that fit or that a text names which cannot be read, and of those that may fit. */
  fit({ argv, invocations, words }: { argv: readonly string[]; invocations: readonly Invocation[]; words: ReadonlySet<string> }, fits: string[], maybe: string[]): void {
    const whole = this.#exactly.size === 0 ? undefined : this.#exactly.get(JSON.stringify(argv));
    if (whole !== undefined) fits.push(whole, this.#known, this.#list);
    if (words.size > 0) fits.push(...this.#restricting.rules.filter(({ names }) => names.some((name) => words.has(name))).map(({ id }) => id));
    for (const invocation of invocations) {
      for (const { id, rule, asks } of this.#restricting.of(invocation.program)) {
        const fit = fitsAnywhere(rule.args ?? [], invocation.args);
        if (fit !== 'no') (fit === 'yes' || asks ? fits : maybe).push(id);
      }
      for (const { id, rule, asks } of this.#restricting.perhaps(invocation.program)) {
        if (fitsAnywhere(rule.args ?? [], invocation.args) !== 'no') (asks ? fits : maybe).push(id);
      }
      const admitted = this.#admits(invocation);
      if (admitted !== undefined) fits.push(admitted.id);
      else if (this.#allow !== undefined && invocation.seenThrough) fits.push(this.#through);
    }
    if (this.#allow !== undefined && whole === undefined && invocations.every((one) => one.seenThrough || this.#admits(one) !== undefined)) fits.push(this.#list);
  }

  /** A program that a rule restricts, where all of the rule is among these words. */
  namedIn(words: ReadonlySet<string>): string | undefined {
    for (const { names, rule } of this.#names) {
      const name = names.find((one) => words.has(one));
      if (name !== undefined && (rule.args ?? []).every((arg) => wordsOf(arg).isSubsetOf(words))) return name;
    }
    return undefined;
  }

  get #list(): string {
    return ruleId(this.#layer, ['commands', 'allow']);
  }

  /** The command is one that stands there word by word: nothing has to be seen in it. */
  get #known(): string {
    return `${this.#list} known`;
  }

  get #through(): string {
    return `${this.#list} through`;
  }

  #admits(invocation: Invocation): PlacedRule | undefined {
    return this.#allow?.of(invocation.program).find(({ rule }) => startsWith(rule.args ?? [], invocation.args));
  }

  #admitting(allow: readonly PlacedRule[]): CedarRule<CommandFacts>[] {
    const listed = `context.fits.contains(${quote(this.#list)})`;
    const unlisted = ({ invocations }: CommandFacts) =>
      invocations.programs
        .filter((one) => !one.seenThrough && this.#admits(one) === undefined)
        .map(({ program }) => `${program} is not in the list, or not with these arguments`);
    const through = ({ invocations }: CommandFacts) =>
      invocations.programs.filter((one) => one.seenThrough && this.#admits(one) === undefined).map(({ program }) => `what ${program} runs is judged instead`);
    return [
      placedRule(this.#layer, ['commands', 'allow'], { says: 'deny', unless: listed, texts: unlisted }),
      placedRule(this.#layer, ['commands', 'allow'], { variant: ' through', says: 'allow', when: `context.fits.contains(${quote(this.#through)})`, texts: through }),
      ...allow.map((rule) => rule.permit()),
    ];
  }

  #whole(at: number): CedarRule<CommandFacts> {
    const path = ['commands', 'exactly', at] as const;
    return placedRule(this.#layer, path, { says: 'allow', when: `context.fits.contains(${quote(ruleId(this.#layer, path))})`, texts: () => ['it stands there word by word'] });
  }

  /** Where not everything that runs is known, a person is asked, unless the whole command is in a list. */
  #doubting(): CedarRule<CommandFacts> {
    const texts = ({ unseen }: CommandFacts) => [`it cannot be seen for certain what it runs: ${unseen}`];
    return placedRule(this.#layer, ['commands'], { says: 'ask', unless: this.#exactly.size === 0 ? 'context.certain' : `context.certain || context.fits.contains(${quote(this.#known)})`, texts });
  }
}

/** A rule at its place. */
class PlacedRule {
  readonly rule: CommandRule;
  readonly id: string;
  readonly forAny: boolean;
  /** Base names that speak for themselves in a text that cannot be read. */
  readonly names: readonly string[];
  readonly asks: boolean;
  /** Its arguments are a sequence, and a path has many forms: Cedar knows neither. */
  readonly isFact: boolean;
  readonly #layer: PlacedLayer;
  readonly #list: 'allow' | 'ask' | 'deny';
  readonly #path: readonly ['commands', string, number];

  constructor(layer: PlacedLayer, list: 'allow' | 'ask' | 'deny', at: number, rule: CommandRule) {
    this.rule = rule;
    this.#layer = layer;
    this.#list = list;
    this.#path = ['commands', list, at];
    this.id = ruleId(layer, this.#path);
    this.forAny = rule.program.includes('*');
    this.names = this.forAny ? [] : rule.program.map(baseName);
    this.asks = list === 'ask';
    this.isFact = (rule.args ?? []).length > 0 || !rule.program.every((program) => isPlain(program) && !program.includes('/'));
  }

  /** What it denies or asks about; where it only may fit, a person is asked. */
  against(): CedarRule<CommandFacts>[] {
    const says = this.#list;
    const certain = placedRule<CommandFacts>(this.#layer, this.#path, { says, when: this.#condition(), texts: ({ invocations }) => [this.#why(invocations)] });
    if (!this.isFact || this.asks) return [certain];
    const maybe = `context.maybe.contains(${quote(this.id)})`;
    return [certain, placedRule(this.#layer, this.#path, { variant: ' maybe', says: 'ask', when: maybe, texts: ({ invocations }) => [this.#whyMaybe(invocations)] })];
  }

  permit(): CedarRule<CommandFacts> {
    return placedRule(this.#layer, this.#path, { says: 'allow', when: `context.fits.contains(${quote(this.id)})`, texts: ({ invocations }) => [this.#why(invocations)] });
  }

  covers(program: string): boolean {
    return this.forAny || this.rule.program.includes(baseName(program)) || this.rule.program.includes(posix.normalize(program));
  }

  #condition(): string {
    if (this.isFact) return `context.fits.contains(${quote(this.id)})`;
    if (this.forAny) return '!context.programs.isEmpty()';
    return anyOf([`context.programs.containsAny(${setOf(this.rule.program)})`, `context.named.containsAny(${setOf(this.names)})`]);
  }

  #why(invocations: Invocations): string {
    const run = invocations.programs.find(({ program, args }) => this.covers(program) && fitsAnywhere(this.rule.args ?? [], args) === 'yes');
    if (this.rule.reason !== undefined) return this.rule.reason;
    return run === undefined ? this.#whyMaybe(invocations) : `it runs ${run.program}`;
  }

  #whyMaybe({ programs }: Invocations): string {
    const run = programs.find(({ program, args }) => (this.covers(program) || this.names.includes(baseName(program))) && fitsAnywhere(this.rule.args ?? [], args) !== 'no');
    if (this.rule.reason !== undefined) return this.rule.reason;
    return run === undefined ? `it names ${this.rule.program.join(' or ')}` : `${run.program} may be ${[this.rule.program.join(' or '), ...(this.rule.args ?? [])].join(' ')}`;
  }
}

const NO_RULES: readonly PlacedRule[] = [];

/** Rules by the program that they name, so that a command costs a look-up and not a walk. */
class RuleIndex {
  readonly rules: readonly PlacedRule[];
  readonly #byProgram = new Map<string, PlacedRule[]>();
  /** Those that name a path, by its last part. */
  readonly #byTail = new Map<string, PlacedRule[]>();
  readonly #forAny: readonly PlacedRule[];

  constructor(rules: readonly PlacedRule[]) {
    this.rules = rules;
    this.#forAny = rules.filter(({ forAny }) => forAny);
    for (const one of rules) {
      if (one.forAny) continue;
      for (const program of one.rule.program) {
        this.#byProgram.set(program, [...(this.#byProgram.get(program) ?? []), one]);
        if (program.includes('/')) this.#byTail.set(baseName(program), [...(this.#byTail.get(baseName(program)) ?? []), one]);
      }
    }
  }

  /** By base name, and by exact path where the program was called by one. */
  of(program: string): readonly PlacedRule[] {
    const byName = this.#byProgram.get(baseName(program)) ?? NO_RULES;
    const byPath = program.includes('/') ? (this.#byProgram.get(posix.normalize(program)) ?? NO_RULES) : NO_RULES;
    return byPath.length + this.#forAny.length === 0 ? byName : [...byName, ...byPath, ...this.#forAny];
  }

  /** Where a program was called by no absolute path, it may be one of these. */
  perhaps(program: string): readonly PlacedRule[] {
    return program.startsWith('/') ? NO_RULES : (this.#byTail.get(baseName(program)) ?? NO_RULES);
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
