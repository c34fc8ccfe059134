import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicyTexts } from './engine.ts';
import { SCHEMA } from './schema.ts';
import { cedar } from './wasm.ts';

/** What is wrong with one policy; `at` is where in its text, in UTF-16 code units. */
export interface CedarProblem {
  readonly id: string;
  readonly text: string;
  readonly at: number;
}

/**
 * What a policy that can be parsed still gets wrong: facts that there are not, conditions that can never hold, actions and resources that do not go together,
 * look-alike letters. What Cedar only warns of is wrong, too: a forbid that never holds was meant to.
 */
export function validatePolicies(policies: PolicyTexts): readonly CedarProblem[] {
  const answer = cedar().validate({ schema: SCHEMA, policies: { staticPolicies: { ...policies } }, validationSettings: { mode: 'strict' } });
  if (answer.type !== 'success') return answer.errors.map((error) => problem('', error, ''));
  const found = [...answer.validationErrors, ...answer.validationWarnings].map(({ policyId, error }) => problem(policyId, error, policies[policyId] ?? ''));
  return [...found, ...answer.otherWarnings.map((warning) => problem('', warning, ''))];
}

/** The policy in the form that Cedar has of it as JSON; a problem where it is none. */
export function parsePolicy(text: string): PolicyJson | CedarProblem {
  const answer = cedar().policyToJson(text);
  if (answer.type === 'success') return answer.json;
  const [error] = answer.errors;
  return error === undefined ? { id: '', text: 'it is no policy', at: 0 } : problem('', error, text);
}

function problem(id: string, { message, help, sourceLocations }: DetailedError, text: string): CedarProblem {
  // Cedar counts bytes.
  const before = Buffer.from(text).subarray(0, sourceLocations?.[0]?.start ?? 0).toString();
  const said = message.replace(/^for policy `[^`]*`, |^failed to parse policy from string: /, '');
  return { id, text: help === null ? said : `${said} (${help})`, at: before.length };
}
