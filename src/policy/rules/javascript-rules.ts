import type { HostFunctionGroup, Reason } from '../../contracts/index.ts';
import type { Layer } from '../document/layer.ts';
import { reasonOf } from '../document/layer.ts';
import { byDefault, orDefault, type Reasons } from '../verdict.ts';

/** `javascript`: whether there are isolates at all, and what of the host a program in one may call. Each such call is judged again by itself. */
export class JavaScriptRules {
  readonly #layers: readonly Layer[];

  constructor(layers: readonly Layer[]) {
    this.#layers = layers.filter((layer) => layer.document.javascript !== undefined);
  }

  judge(functions: readonly HostFunctionGroup[]): Reasons {
    if (this.#layers.length === 0) return NO_ISOLATES;
    return orDefault(functions.flatMap((group) => this.#judgeGroup(group)), HELD);
  }

  #judgeGroup(group: HostFunctionGroup): Reason[] {
    const lists = this.#layers.flatMap((layer) => {
      const list = layer.document.javascript?.functions;
      return list === undefined ? [] : [{ layer, at: list.indexOf(group) }];
    });
    if (lists.length === 0) return [...byDefault('deny', `this policy gives programs no ${group}: it has no javascript.functions`)];
    return lists.map(({ layer, at }) =>
      at === -1
        ? reasonOf(layer, 'deny', ['javascript', 'functions'], `${group} is not in the list`)
        : reasonOf(layer, 'allow', ['javascript', 'functions', at], `programs may be given ${group}`),
    );
  }
}

const NO_ISOLATES = byDefault('deny', 'this policy has no javascript: programs run in sandboxes alone');
const HELD = byDefault('allow', 'the isolate holds it, and it has nothing of the host');
