import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type Decision, GloveboxError, type Policy, type PolicyFile, type PolicyRule, type Reason } from '../contracts/index.ts';
import { ruleName } from './document/layer.ts';
import type { Problem } from './document/problems.ts';
import { RULES_FILE } from './document/read-cedar.ts';
import { readYaml } from './document/read-yaml.ts';
import { asker, QUESTION_KEYS, questionFields, type Question, questionVariables, requestOf, sayRequest } from './question.ts';
import { readBounded } from './read-bounded.ts';

const FILE_NAME = 'tests.yaml';

const policyTest = z.strictObject({
  ...questionFields,
  as: asker.optional(),
  variables: questionVariables.optional(),
  expect: z.enum(['allow', 'ask', 'deny']),
  rule: z.string().min(1).optional().describe('the rule that has to decide: commands.deny[0], files.write, default'),
  because: z.string().min(1).optional().describe('a part of what it has to say'),
});
const policyTests = z.array(policyTest).min(1);

/** One case of a policy's `tests.yaml`. */
export type PolicyTest = z.output<typeof policyTest> & { readonly file: string; readonly line: number };

/** How a case went. `problem` where it failed: what was expected, what was decided. */
export interface TestResult {
  readonly line: number;
  readonly what: string;
  readonly decision: Decision;
  readonly problem?: string;
}

export interface TestReport {
  readonly policy: string;
  /** Where the cases stand; undefined where there are none. */
  readonly file: string | undefined;
  readonly results: readonly TestResult[];
  /** Rules in the policy's own files that no case made speak. */
  readonly silent: readonly PolicyRule[];
  readonly rules: number;
}

/** Asks a policy every question of the `tests.yaml` beside it. Errors: `policy_invalid` where that is no list of cases. */
export async function testPolicy(policy: PolicyFile): Promise<TestReport> {
  const { file, cases } = await readTests(policy);
  const results = cases.map((one) => judge(one, policy));
  const files = [policy.file, join(dirname(policy.file), RULES_FILE)];
  const own = policy.rules.filter((rule) => files.includes(rule.file));
  const spoke = new Set(results.flatMap(({ decision }) => [decision.reason, ...decision.lost]).map(placeOf));
  return { policy: policy.name, file, results, silent: own.filter((rule) => !spoke.has(placeOf(rule))), rules: own.length };
}

function placeOf({ file, rule }: Pick<Reason, 'file' | 'rule'>): string {
  return `${file}:${rule}`;
}

/** The cases beside a policy: none, and no file, where there are none. Errors: `policy_invalid`. */
export async function readTests(policy: PolicyFile): Promise<{ readonly file: string | undefined; readonly cases: readonly PolicyTest[] }> {
  const file = join(dirname(policy.file), FILE_NAME);
  const text = await readBounded(file);
  if (text === undefined) return { file: undefined, cases: [] };
  const { content, positions } = readYaml(text, file, policyTests, (tests) => tests.flatMap(askProblems));
  return { file, cases: content.map((test, i) => ({ ...test, file, line: positions.of([i]).line })) };
}

function askProblems(test: Question, i: number): Problem[] {
  const asked = QUESTION_KEYS.filter((key) => test[key] !== undefined);
  return asked.length === 1 ? [] : [{ path: [i], text: `${ruleName([i])}: expected one of ${QUESTION_KEYS.join(', ')}, found ${asked.length === 0 ? 'none' : asked.join(' and ')}` }];
}

function judge(test: PolicyTest, policy: Policy): TestResult {
  const { line, as, expect, rule, because } = test;
  const request = requestAt(test, policy);
  const what = sayRequest(request);
  const decision = policy.decide(request, as);
  const { effect, reason } = decision;
  const problems = [
    ...(effect === expect ? [] : [`expected ${expect}, decided ${effect}`]),
    ...(rule === undefined || rule === reason.rule ? [] : [`expected ${rule} to decide`]),
    ...(because === undefined || reason.text.includes(because) ? [] : [`expected the reason to say ${JSON.stringify(because)}`]),
  ];
  if (problems.length === 0) return { line, what, decision };
  return { line, what, decision, problem: `${problems.join('; ')} (${reason.rule}: ${reason.text})` };
}

function requestAt(test: PolicyTest, policy: Policy): ReturnType<typeof requestOf> {
  try {
    return requestOf(test, policy, test.variables);
  } catch (error) {
    if (!(error instanceof GloveboxError)) throw error;
    throw new GloveboxError('policy_invalid', `${test.file}:${test.line}: ${error.message}`, { cause: error, details: { file: test.file, line: test.line } });
  }
}
