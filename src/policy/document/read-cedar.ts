import { GloveboxError } from '../../contracts/index.ts';
import { type CedarProblem, parsePolicy, validatePolicies } from '../cedar/validate.ts';
import type { RawRule } from './layer.ts';

/** Beside a policy: what its author says in Cedar itself. */
export const RULES_FILE = 'rules.cedar';

/** One policy of a file, and the offset of its first character. */
interface Statement {
  readonly text: string;
  readonly from: number;
  readonly tooMuch: boolean;
}

/** Some hundreds of levels are the end of Cedar's stack, and with that of every decision. */
const MAX_OPERATORS = 256;
const MAX_DEPTH = 32;

/** Reads `rules.cedar`: any number of `forbid`. Errors: `policy_invalid` with every problem as `file:line:column: what is wrong`. */
export function readCedar(text: string, file: string): readonly RawRule[] {
  const statements = split(text);
  const parsed = statements.map(({ text: policy, tooMuch }) => (tooMuch ? TOO_MUCH : parsePolicy(policy)));
  const problems: (CedarProblem & { readonly from: number })[] = parsed.flatMap((one, i) => {
    const from = statements[i]?.from ?? 0;
    if ('at' in one) return [{ ...one, from }];
    return one.effect === 'forbid' ? [] : [{ id: '', from, at: 0, text: 'expected forbid, found permit: what is allowed stands in policy.yaml, and rules.cedar only narrows it' }];
  });
  if (problems.length === 0) {
    const policies = Object.fromEntries(statements.map((statement, i) => [String(i), statement.text]));
    problems.push(...validatePolicies(policies).map((one) => ({ ...one, from: statements[Number(one.id)]?.from ?? 0 })));
  }
  if (problems.length > 0) throw invalid(text, file, problems);
  return parsed.flatMap((policy, i) => {
    const statement = statements[i];
    if ('at' in policy || statement === undefined) return [];
    const { action, annotations } = policy;
    return [
      {
        rule: `${RULES_FILE}[${i}]`,
        file,
        line: placeOf(text, statement.from).line,
        cedar: statement.text,
        meaning: policy,
        reason: annotations?.['reason'],
        actions: action.op === 'All' ? undefined : actionsOf(action),
      },
    ];
  });
}

const TOO_MUCH: CedarProblem = { id: '', at: 0, text: `expected at most ${MAX_OPERATORS} operators and ${MAX_DEPTH} levels of brackets in one rule, found more: several rules say the same` };

/** Those that `action ==` or `action in` names. */
function actionsOf(constraint: object): readonly string[] {
  const { entity, entities = [entity] } = constraint as { entity?: { id?: string }; entities?: readonly ({ id?: string } | undefined)[] };
  return entities.flatMap((one) => one?.id ?? []);
}

/** Texts, comments, the operators that Cedar goes down a level for, and every other character. */
const TOKENS = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|\|\||&&|\b(?:in|is|if|has|like|then|else)\b|\S/gs;
const OPERATOR = /^(?:\|\||&&|[-+*!<>=.]|[a-z]{2,})$/;

/** At each semicolon that stands in no text and no comment. What is left at the end is a statement, too: Cedar says what it lacks. */
function split(text: string): Statement[] {
  const statements: Statement[] = [];
  let from: number | undefined;
  let operators = 0;
  let depth = 0;
  let deepest = 0;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token.startsWith('//')) continue;
    from ??= index;
    if (OPERATOR.test(token)) operators++;
    if (/^[([{]/.test(token)) deepest = Math.max(deepest, ++depth);
    if (/^[)\]}]/.test(token)) depth--;
    if (token !== ';') continue;
    statements.push({ text: text.slice(from, index + 1), from, tooMuch: operators > MAX_OPERATORS || deepest > MAX_DEPTH });
    from = undefined;
    operators = depth = deepest = 0;
  }
  return from === undefined ? statements : [...statements, { text: text.slice(from), from, tooMuch: operators > MAX_OPERATORS || deepest > MAX_DEPTH }];
}

function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const lines = text.slice(0, offset).split('\n');
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

function invalid(text: string, file: string, problems: readonly (CedarProblem & { readonly from: number })[]): GloveboxError {
  const placed = problems.map((one) => ({ ...placeOf(text, one.from + one.at), text: one.text })).sort((a, b) => a.line - b.line || a.column - b.column);
  const { line = 1, column = 1 } = placed[0] ?? {};
  const told = placed.map((one) => `${file}:${one.line}:${one.column}: ${one.text}`);
  return new GloveboxError('policy_invalid', told.join('\n'), { details: { file, line, column } });
}
