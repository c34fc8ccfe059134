import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { type Action, describeError, type Principal } from '../../contracts/index.ts';
import type { Facts } from './rule.ts';
import { RESOURCES } from './schema.ts';

/** Of all policies that Cedar keeps parsed, in characters; they take some twenty times that. Enough for a hundred policies such as ours. */
const KEPT_TEXT = 2 ** 20;

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

  /** Without a principal it is nobody's session: in no tenant, without a role. Never throws. */
  ask({ resource, context }: Facts, approved: boolean, principal?: Principal): Answer {
    try {
      const answer = cedar.statefulIsAuthorized({
        principal: SESSION,
        action: { type: 'Action', id: this.#action },
        resource: { type: RESOURCES[this.#action], id: resource },
        context: { ...context, approved },
        preparsedPolicySetId: slots.nameOf(this, this.#texts),
        entities: principal === undefined ? [] : [sessionOf(principal)],
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

const SESSION = { type: 'Session', id: 'session' } as const;

function sessionOf({ tenant, name, roles }: Principal): cedar.EntityJson {
  return { uid: SESSION, attrs: { user: name }, parents: [{ type: 'Tenant', id: tenant }, ...roles.map((role) => ({ type: 'Role', id: role }))] };
}

function refused(errors: Answer['errors']): Answer {
  return { allowed: false, ids: [], errors };
}

/**
 * The sets that Cedar has parsed, by the name that it has them under. It forgets none, but a name can get another set: those that were not asked for longest
 * make room.
 */
class Slots {
  readonly #kept = new Map<PolicySet, { readonly name: string; readonly size: number }>();
  readonly #free: string[] = [];
  #size = 0;
  #names = 0;

  /** Errors: what Cedar says to a set that it cannot parse. */
  nameOf(set: PolicySet, texts: PolicyTexts): string {
    const known = this.#kept.get(set);
    if (known !== undefined) {
      // Taken out and put in again, it is the last to go.
      this.#kept.delete(set);
      this.#kept.set(set, known);
      return known.name;
    }
    const size = Object.values(texts).reduce((sum, text) => sum + text.length, 0);
    this.#makeRoom(size);
    const name = this.#free.pop() ?? `set ${this.#names++}`;
    parse(name, texts);
    this.#kept.set(set, { name, size });
    this.#size += size;
    return name;
  }

  #makeRoom(wanted: number): void {
    for (const [set, { name, size }] of this.#kept) {
      if (this.#size + wanted <= KEPT_TEXT) return;
      parse(name, {});
      this.#kept.delete(set);
      this.#size -= size;
      this.#free.push(name);
    }
  }
}

function parse(name: string, texts: PolicyTexts): void {
  const parsed = cedar.preparsePolicySet(name, { staticPolicies: { ...texts } });
  if (parsed.type !== 'success') throw new Error(parsed.errors.map(({ message }) => message).join('; '));
}

const slots = new Slots();
