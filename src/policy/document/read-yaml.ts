import type { CollectionTag, Document, ScalarTag } from 'yaml';
import type { z } from 'zod';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import type { Position } from './positions.ts';
import { Positions } from './positions.ts';
import { type Problem, schemaProblems } from './problems.ts';
import { yaml } from './yaml.ts';

/** Of a policy, and of its tests. */
export const MAX_POLICY_BYTES = 256 * 1024;
/** Anchors are for a shared list or two; what multiplies beyond this is an attack or an accident. */
const MAX_ALIASES = 100;
const MAX_PROBLEMS = 20;

/** `2_000_000`: YAML 1.2 has no separators in numbers, and budgets are hard to read without. */
const separatedInteger: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[0-9]{1,3}(?:_[0-9]{3})+$/,
  resolve: (text) => Number(text.replaceAll('_', '')),
};

/**
 * Reads a YAML file that a person wrote. Errors: `policy_invalid` with every problem as `file:line:column: what was expected, what was found`, those that
 * `meaning` finds in what fits the schema included.
 */
export function readYaml<S extends z.ZodType>(text: string, file: string, schema: S, meaning: (content: z.output<S>) => readonly Problem[] = () => []): { content: z.output<S>; positions: Positions } {
  const { LineCounter, parseDocument } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    customTags: (tags: (ScalarTag | CollectionTag | string)[]) => [separatedInteger, ...tags] as (ScalarTag | CollectionTag)[],
  });
  const positions = new Positions(document, lines);
  const broken = [...document.errors, ...document.warnings, ...brokenAliases(document)].map(({ pos, message }) => ({ at: positions.at(pos[0]), text: message }));
  if (broken.length > 0) throw invalid(file, broken);
  const content = toJs(() => document.toJS({ maxAliasCount: MAX_ALIASES }), file);
  const parsed = schema.safeParse(content);
  const problems = parsed.success ? meaning(parsed.data) : schemaProblems(parsed.error.issues, content, schema);
  if (parsed.success && problems.length === 0) return { content: parsed.data, positions };
  throw invalid(
    file,
    problems.map(({ path, key, text: what }) => ({ at: key === undefined ? positions.of(path) : positions.ofKey(path, key), text: what })),
  );
}

function brokenAliases(document: Document): readonly { pos: readonly [number]; message: string }[] {
  const broken: { pos: readonly [number]; message: string }[] = [];
  let seen = 0;
  const { visit } = yaml();
  visit(document, {
    Alias(_, alias) {
      const pos = [alias.range?.[0] ?? 0] as const;
      if (seen++ === MAX_ALIASES) broken.push({ pos, message: `expected at most ${MAX_ALIASES} aliases, found more` });
      else if (alias.resolve(document) === undefined) broken.push({ pos, message: `expected an anchor above it, found none for *${alias.source}` });
      // Each alias costs a walk through the document.
      return seen > MAX_ALIASES ? visit.BREAK : undefined;
    },
  });
  return broken;
}

function toJs(convert: () => unknown, file: string): unknown {
  try {
    return convert();
  } catch (error) {
    const text = `expected few aliases and little nesting, found too much of them (${describeError(error)})`;
    throw invalid(file, [{ at: { line: 1, column: 1 }, text }], error);
  }
}

function invalid(file: string, problems: readonly { at: Position; text: string }[], cause?: unknown): GloveboxError {
  const sorted = problems.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
  const told = sorted.slice(0, MAX_PROBLEMS).map(({ at, text }) => `${file}:${at.line}:${at.column}: ${text}`);
  if (sorted.length > MAX_PROBLEMS) told.push(`and ${sorted.length - MAX_PROBLEMS} more`);
  const first = sorted[0]?.at ?? { line: 1, column: 1 };
  return new GloveboxError('policy_invalid', told.join('\n'), { cause, details: { file, line: first.line, column: first.column } });
}
