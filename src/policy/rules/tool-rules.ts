import type { Layer } from '../document/layer.ts';
import { byDefault, orDefault, type Reasons } from '../verdict.ts';
import { type GlobList, statedLists } from './glob-list.ts';

/** `tools.allow`, `tools.deny`: a policy lists its tools, and without a list there are none. */
export class ToolRules {
  readonly #allow: readonly GlobList[];
  readonly #deny: readonly GlobList[];

  constructor(layers: readonly Layer[]) {
    this.#allow = statedLists(layers, ['tools', 'allow'], (layer) => layer.document.tools?.allow, 'name');
    this.#deny = statedLists(layers, ['tools', 'deny'], (layer) => layer.document.tools?.deny, 'name');
  }

  judge(tool: string): Reasons {
    const denied = this.#deny.flatMap((list) => list.matching('deny', tool));
    return orDefault([...denied, ...this.#allow.map((list) => list.admit(tool))], NO_TOOLS);
  }
}

const NO_TOOLS = byDefault('deny', 'this policy allows no tools: it has no tools.allow');
