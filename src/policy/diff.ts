import { canonicalJson, type DecisionRequest, type Effect, GloveboxError, type PolicyFile, type Reason } from '../contracts/index.ts';
import { readTests } from './policy-tests.ts';
import { type Question, requestOf } from './question.ts';
import { samplesOf } from './samples.ts';

/** A question to which two policies have other answers. */
export interface Change {
  readonly request: DecisionRequest;
  readonly was: Effect;
  readonly now: Effect;
  /** Of the newer one. */
  readonly reason: Reason;
}

export interface PolicyDiff {
  /** What is lent, and whether anything is enforced, where it is not the same: `sandbox.memoryBytes`, from, to. */
  readonly grant: readonly { readonly what: string; readonly was: unknown; readonly now: unknown }[];
  readonly changes: readonly Change[];
  /** How many questions were asked: one for each rule of either, and those that were given. */
  readonly asked: number;
}

/** The same by every rule and every test of both. Errors: `policy_invalid` where what is beside one of them is no list of tests. */
export async function compare(old: PolicyFile, young: PolicyFile): Promise<PolicyDiff> {
  const [{ cases }, { cases: more }] = [await readTests(old), await readTests(young)];
  return diffPolicies(old, young, [...cases, ...more]);
}

/** What a change of policy permits or forbids. Found by asking, not by proof: what no rule and no test of either speaks of is not asked about. */
export function diffPolicies(old: PolicyFile, young: PolicyFile, questions: readonly Question[]): PolicyDiff {
  const all = [...questions, ...[...old.documents, ...young.documents].flatMap(samplesOf)];
  // What a session gets that asks for nothing in particular is told as a grant.
  const requests = new Map(all.flatMap((question) => askable(question, old, young)).map((request) => [canonicalJson(request), request]));
  const changes = [...requests.values()].flatMap((request) => {
    const was = old.decide(request).effect;
    const { effect: now, reason } = young.decide(request);
    return was === now ? [] : [{ request, was, now, reason }];
  });
  return { grant: grantChanges(old, young), changes, asked: requests.size };
}

/** A sample of a pattern may be none that can be asked about. */
function askable(question: Question, policy: PolicyFile, young: PolicyFile): DecisionRequest[] {
  // A sample has a variable's name where its value would be.
  const variables = Object.fromEntries([...policy.grant.variables, ...young.grant.variables].map((name) => [name, name]));
  try {
    return [requestOf(question, policy.grant.variables.length === 0 ? young : policy, variables)];
  } catch (error) {
    if (error instanceof GloveboxError) return [];
    throw error;
  }
}

function grantChanges(old: PolicyFile, young: PolicyFile): PolicyDiff['grant'] {
  const [before, after] = [flat(old), flat(young)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((what) => {
    const [was, now] = [before.get(what), after.get(what)];
    return canonicalJson(was ?? null) === canonicalJson(now ?? null) ? [] : [{ what, was, now }];
  });
}

/** Whether it enforces at all is the first of it. An empty list lends nothing. */
function flat({ mode, grant }: PolicyFile): ReadonlyMap<string, unknown> {
  const isNone = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
  return new Map(
    Object.entries({ mode, ...grant }).flatMap(([section, value]: [string, unknown]): [string, unknown][] =>
      typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value).map(([key, one]): [string, unknown] => [`${section}.${key}`, one]) : [[section, value]],
    ).filter(([, value]) => !isNone(value)),
  );
}
