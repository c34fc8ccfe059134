import type { DecisionRequest } from '../../contracts/index.ts';
import { type ActionRules, type CedarRule, defaultRule } from '../cedar/rule.ts';
import type { PlacedLayer } from '../document/layer.ts';
import { type GlobList, statedLists, type TextFacts } from './glob-list.ts';

type ToolRequest = Extract<DecisionRequest, { action: 'tool.call' }>;

const SUBJECT = { text: 'context.tool' };

/** `tools.allow`, `tools.deny`: a policy lists its tools, and without a list there are none. */
export class ToolRules implements ActionRules<ToolRequest, TextFacts> {
  readonly rules: readonly CedarRule<TextFacts>[];
  readonly #lists: readonly GlobList[];

  constructor(layers: readonly PlacedLayer[]) {
    const allow = statedLists(layers, ['tools', 'allow'], ({ document }) => document.tools?.allow, SUBJECT);
    const deny = statedLists(layers, ['tools', 'deny'], ({ document }) => document.tools?.deny, SUBJECT);
    this.#lists = [...deny, ...allow];
    this.rules = [...deny.flatMap((list) => list.against('deny')), ...allow.flatMap((list) => list.admitting()), ...(allow.length > 0 ? [] : [NO_TOOLS])];
  }

  facts({ tool, version }: ToolRequest): TextFacts | string {
    if (!tool.isWellFormed() || !version.isWellFormed()) return `${JSON.stringify(tool)} is not Unicode`;
    return { resource: tool, text: tool, context: { tool, version, fits: this.#lists.flatMap((list) => list.fitting(tool)) } };
  }
}

const NO_TOOLS = defaultRule('deny', 'this policy allows no tools: it has no tools.allow');
