import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { type Action, describeError } from '../../contracts/index.ts';
import type { Facts } from './rule.ts';
import { RESOURCES } from './schema.ts';

/** Cedar keeps what it has parsed for ever, under the name that it was given: these many names there are, whatever is loaded how often. */
const SLOTS = 512;

/** Policies by id, as Cedar texts. */
export type PolicyTexts = Readonly<Record<string, string>>;

/** What Cedar says. Anything but a plain answer is a denial: a forbid that fails is skipped by Cedar, as if it had not been there. */
export interface Answer {
  readonly allowed: boolean;
  /** The policies that determined it: forbids of a denial, permits where it is allowed. */
  readonly ids: readonly string[];
  readonly errors: readonly { readonly id: string | undefined; readonly text: string }[];
}

/** One set of policies for one action. */
export class PolicySet {
  readonly #action: Action;
  readonly #texts: PolicyTexts;

  constructor(action: Action, texts: PolicyTexts) {
    this.#action = action;
    this.#texts = texts;
  }

  /** Never throws. */
  ask({ resource, context }: Facts, approved: boolean): Answer {
    try {
      const answer = cedar.statefulIsAuthorized({
        principal: { type: 'Session', id: 'session' },
        action: { type: 'Action', id: this.#action },
        resource: { type: RESOURCES[this.#action], id: resource },
        context: { ...context, approved },
        preparsedPolicySetId: slots.nameOf(this, this.#texts),
        entities: [],
      });
      if (answer.type !== 'success') return refused(answer.errors.map(({ message }) => ({ id: undefined, text: message })));
      const { decision, diagnostics } = answer.response;
      const errors = diagnostics.errors.map(({ policyId, error }) => ({ id: policyId, text: error.message }));
      return { allowed: decision === 'allow' && errors.length === 0, ids: diagnostics.reason, errors };
    } catch (error) {
      return refused([{ id: undefined, text: describeError(error) }]);
    }
  }
}

function refused(errors: Answer['errors']): Answer {
  return { allowed: false, ids: [], errors };
}

/** The sets that Cedar has parsed; the one that was not asked for longest makes room. */
class Slots {
  readonly #names = new Map<PolicySet, string>();

  /** Errors: what Cedar says to a set that it cannot parse. */
  nameOf(set: PolicySet, texts: PolicyTexts): string {
    const known = this.#names.get(set);
    this.#names.delete(set);
    const name = known ?? this.#free();
    if (known === undefined) {
      const parsed = cedar.preparsePolicySet(name, { staticPolicies: { ...texts } });
      if (parsed.type !== 'success') throw new Error(parsed.errors.map(({ message }) => message).join('; '));
    }
    this.#names.set(set, name);
    return name;
  }

  #free(): string {
    if (this.#names.size < SLOTS) return `set ${this.#names.size}`;
    const [oldest] = this.#names;
    if (oldest === undefined) throw new Error('there is no slot');
    this.#names.delete(oldest[0]);
    return oldest[1];
  }
}

const slots = new Slots();
