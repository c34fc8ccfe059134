import { ANY_CHARACTER, ANY_SEGMENTS, ANY_TEXT, type Glob, type Segment } from '../glob.ts';
import { anyOf, isPlain, pattern, quote } from './text.ts';

/** The facts that hold a text and, where it is a path, the number of its segments. */
export interface Subject {
  readonly text: string;
  readonly depth?: string;
}

/** `**` doubles the forms of a pattern: none there, or some. */
const MAX_SPANS = 3;

/**
 * A glob as a condition that is exactly as wide, for canonical texts. Cedar's `*` spans slashes, so that a path must have as many segments as the pattern,
 * which keeps each star within one; `**` is written out as none or any. Undefined where that cannot be said: `?`, and stars beside `**`.
 */
export function globCondition(glob: Glob, subject: Subject): string | undefined {
  if (!isPlain(glob.text)) return undefined;
  const conditions = glob.alternatives.map((segments) => (subject.depth === undefined ? nameCondition(segments, subject.text) : pathCondition(segments, subject.text, subject.depth)));
  return conditions.every((one) => one !== undefined) ? anyOf(conditions) : undefined;
}

/** The texts that a pattern stands for, where it has no wildcard. */
export function globTexts(glob: Glob): readonly string[] | undefined {
  const texts = glob.alternatives.map((segments) => (segments.every((one) => typeof one === 'string') ? segments.join('/') : undefined));
  return isPlain(glob.text) && texts.every((one) => one !== undefined) ? texts : undefined;
}

function nameCondition(segments: readonly Segment[], text: string): string | undefined {
  const [name = ''] = segments;
  if (typeof name === 'string') return `${text} == ${quote(name)}`;
  const fixed = name === ANY_SEGMENTS ? ['', ''] : fixedParts(name);
  return fixed === undefined ? undefined : `${text} like ${pattern(fixed)}`;
}

function pathCondition(segments: readonly Segment[], text: string, depth: string): string | undefined {
  const spans = segments.filter((one) => one === ANY_SEGMENTS).length;
  // An empty segment is the front of an absolute path, or the end of one with a slash there, which `like` cannot tell from nothing.
  if (segments.slice(1).includes('')) return undefined;
  if (spans > 0) return spans > MAX_SPANS ? undefined : spanCondition(segments, text);
  if (segments.every((one) => typeof one === 'string')) return equals(segments.join('/'), text);
  const fixed = joined(segments.map((one) => (one === ANY_SEGMENTS ? undefined : typeof one === 'string' ? [one] : fixedParts(one))));
  return fixed === undefined ? undefined : `${text} like ${pattern(fixed)} && ${depth} == ${segments.length}`;
}

/** Fixed segments and `**`; the last may begin with a star, if a `**` stands before it. */
function spanCondition(segments: readonly Segment[], text: string): string | undefined {
  const parts = segments.filter((one, i) => !(one === ANY_SEGMENTS && segments[i - 1] === ANY_SEGMENTS));
  if (parts.length === 1) return `${text} like "*"`;
  if (parts[0] !== '') return undefined;
  const last = parts.at(-1);
  const ending = typeof last === 'object' ? endingOf(last) : undefined;
  if (ending !== undefined) {
    // Alone under the root, it would be everything, the root included.
    if (parts.at(-2) !== ANY_SEGMENTS || (ending === '' && parts.length === 3)) return undefined;
    parts.splice(-2);
  }
  let forms: string[][][] = [[]];
  for (const part of parts) {
    if (typeof part === 'string') for (const form of forms) form.push([part]);
    else if (part === ANY_SEGMENTS) forms = forms.flatMap((form) => [form, [...form, ['', '']]]);
    else return undefined;
  }
  return anyOf(forms.map((form) => formCondition(ending === undefined ? form : [...form, ['', ending]], text)));
}

function formCondition(form: readonly (readonly string[])[], text: string): string {
  const fixed = joined(form) ?? [];
  return fixed.length === 1 ? equals(fixed[0] ?? '', text) : `${text} like ${pattern(fixed)}`;
}

function equals(path: string, text: string): string {
  return `${text} == ${quote(path === '' ? '/' : path)}`;
}

/** Segments with a slash between each two: `[['a'], ['b', 'c']]` → `['a/b', 'c']`. */
function joined(segments: readonly (readonly string[] | undefined)[]): string[] | undefined {
  const fixed: string[] = [];
  for (const [i, parts] of segments.entries()) {
    if (parts === undefined) return undefined;
    const [first = '', ...rest] = parts;
    fixed.push(i === 0 ? first : `${fixed.pop()}/${first}`, ...rest);
  }
  return fixed;
}

/** What stands between the stars; undefined where there is a `?`. */
function fixedParts(tokens: Exclude<Segment, string | typeof ANY_SEGMENTS>): string[] | undefined {
  const parts = [''];
  for (const token of tokens) {
    if (token === ANY_CHARACTER) return undefined;
    if (token === ANY_TEXT) parts.push('');
    else parts.push(`${parts.pop()}${token}`);
  }
  return parts;
}

/** `*.ts` → `.ts`. */
function endingOf(tokens: Exclude<Segment, string | typeof ANY_SEGMENTS>): string | undefined {
  const [before, after, ...more] = fixedParts(tokens) ?? [];
  return before === '' && more.length === 0 ? after : undefined;
}
