import type { DecisionRequest } from '../../contracts/index.ts';
import { type ActionRules, type CedarRule, defaultRule, type Facts, placedRule } from '../cedar/rule.ts';
import { quote, setOf } from '../cedar/text.ts';
import type { PlacedLayer } from '../document/layer.ts';

type JavaScriptRequest = Extract<DecisionRequest, { action: 'javascript.run' }>;

interface JavaScriptFacts extends Facts {
  readonly language: string;
  readonly functions: readonly string[];
}

const LIST = ['javascript', 'functions'] as const;

/** `javascript`: whether there are isolates at all, and what of the host a program in one may call. Each such call is judged again by itself. */
export class JavaScriptRules implements ActionRules<JavaScriptRequest, JavaScriptFacts> {
  readonly rules: readonly CedarRule<JavaScriptFacts>[];

  constructor(layers: readonly PlacedLayer[]) {
    const speaking = layers.filter(({ document }) => document.javascript !== undefined);
    const stating = speaking.filter(({ document }) => document.javascript?.functions !== undefined);
    this.rules = speaking.length === 0 ? [NO_ISOLATES] : [...speaking.flatMap(languageRules), ...stating.flatMap(functionRules), ...(stating.length === 0 ? [NO_FUNCTIONS] : []), HELD];
  }

  facts({ language, source, functions }: JavaScriptRequest): JavaScriptFacts | string {
    if (![language, source, ...functions].every((text) => text.isWellFormed())) return 'it is not Unicode';
    return { resource: source, language, functions, context: { language, source, functions, count: functions.length, fits: [] } };
  }
}

const NO_ISOLATES = defaultRule<JavaScriptFacts>('deny', 'this policy has no javascript: programs run in sandboxes alone');
const NO_FUNCTIONS = defaultRule<JavaScriptFacts>('deny', ({ functions }) => functions.map((name) => `this policy gives programs no ${name}: it has no javascript.functions`), { unless: 'context.count == 0' });
const HELD = defaultRule<JavaScriptFacts>('allow', 'the isolate holds it, and it has nothing of the host');

function languageRules(layer: PlacedLayer): CedarRule<JavaScriptFacts>[] {
  const languages = layer.document.javascript?.languages;
  if (languages === undefined) return [];
  const path = ['javascript', 'languages'] as const;
  const closed = languages.length === 0 ? {} : { unless: `${setOf(languages)}.contains(context.language)` };
  return [
    placedRule(layer, path, { says: 'deny', ...closed, texts: ({ language }) => [`${language} is not in the list`] }),
    ...languages.map((name, i) => placedRule<JavaScriptFacts>(layer, [...path, i], { says: 'allow', when: `context.language == ${quote(name)}`, texts: () => [`programs may be ${name}`] })),
  ];
}

function functionRules(layer: PlacedLayer): CedarRule<JavaScriptFacts>[] {
  const names = layer.document.javascript?.functions ?? [];
  const inList = names.length === 0 ? 'context.count == 0' : `${setOf(names)}.containsAll(context.functions)`;
  return [
    placedRule(layer, LIST, { says: 'deny', unless: inList, texts: ({ functions }) => functions.filter((name) => !names.some((one) => one === name)).map((name) => `${name} is not in the list`) }),
    ...names.map((name, i) =>
      placedRule<JavaScriptFacts>(layer, [...LIST, i], { says: 'allow', when: `context.functions.contains(${quote(name)})`, texts: () => [`programs may be given ${name}`] }),
    ),
  ];
}
