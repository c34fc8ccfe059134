import { canonicalJson, type Decision, type DecisionRequest, type Principal } from '../contracts/index.ts';

const ENTRIES = 1024;
/** Longer requests are rare, and rarely come twice. */
const KEY_LENGTH = 4096;

/** The last decisions of one policy, by canonical request. At most 4 MiB of keys. */
export class DecisionCache {
  readonly #decisions = new Map<string, Decision>();

  /** What was decided, or what `decide` says now; `principal` where the answer depends on him. */
  get(request: DecisionRequest, principal: Principal | undefined, decide: () => Decision): Decision {
    const key = keyOf(request, principal);
    if (key === undefined) return decide();
    const known = this.#decisions.get(key);
    const decision = known ?? decide();
    // Taken out and put in again, it is the last to go.
    if (known !== undefined) this.#decisions.delete(key);
    this.#decisions.set(key, decision);
    const oldest = this.#decisions.size > ENTRIES ? this.#decisions.keys().next().value : undefined;
    if (oldest !== undefined) this.#decisions.delete(oldest);
    return decision;
  }
}

function keyOf(request: DecisionRequest, principal: Principal | undefined): string | undefined {
  try {
    const key = principal === undefined ? canonicalJson(request) : canonicalJson([request, principal]);
    return key.length > KEY_LENGTH ? undefined : key;
  } catch {
    // It has numbers that are none: such a request is denied, and not remembered.
    return undefined;
  }
}
