/** Braces multiply; a pattern that stands for more than this is a mistake. */
const MAX_ALTERNATIVES = 64;
export const MAX_PATTERN_LENGTH = 1024;

/** One path segment of a pattern: any number of segments, a fixed text, or code units with wildcards. */
export type Segment = typeof ANY_SEGMENTS | string | readonly Token[];
type Token = string | typeof ANY_TEXT | typeof ANY_CHARACTER;

export const ANY_SEGMENTS: unique symbol = Symbol('**');
export const ANY_TEXT: unique symbol = Symbol('*');
export const ANY_CHARACTER: unique symbol = Symbol('?');

/**
 * A pattern for paths and names: `*` and `?` stay within a segment, `**` as a segment of its own spans any number of them (so that
 * `/a/**` is `/a` and everything under it), `{a,b}` is one of these, `\` takes the next character as it is. Nothing else is special, and
 * case counts. In a pattern for names nothing is a segment, and `*` spans slashes, too. Matching takes time in proportion to path × pattern at worst: paths come from whom we do not trust, so no RegExp.
 */
export class Glob {
  readonly text: string;
  readonly #of: 'path' | 'name';
  /** What it stands for once its braces are written out. */
  readonly alternatives: readonly (readonly Segment[])[];

  /** Errors: `SyntaxError` that says what is wrong with the pattern. */
  constructor(text: string, of: 'path' | 'name' = 'path') {
    if (!text.isWellFormed()) throw new SyntaxError('a text that is Unicode');
    if (text.length > MAX_PATTERN_LENGTH) throw new SyntaxError(`a pattern of at most ${MAX_PATTERN_LENGTH} characters`);
    this.text = text;
    this.#of = of;
    this.alternatives = expandBraces(text).map((alternative) => this.#split(alternative).map(compileSegment));
  }

  matches(text: string): boolean {
    const segments = this.#split(text);
    return this.alternatives.some((pattern) => matchList(pattern, segments, ANY_SEGMENTS, matchSegment));
  }

  /** The folders that something is named in without a wildcard before it: they cannot go without it. `/a/b/**` → `/`, `/a`. */
  holders(): readonly string[] {
    const folders = this.alternatives.flatMap((segments) => {
      const wildcard = segments.findIndex((segment) => typeof segment !== 'string');
      const named = wildcard === -1 ? segments : segments.slice(0, wildcard);
      return named.slice(1).map((_, i) => named.slice(0, i + 1).join('/') || '/');
    });
    return [...new Set(folders)];
  }

  /** Whether something under this folder is named without a wildcard before it: the folder cannot go without it. */
  reachesInto(folder: string): boolean {
    return this.holders().includes(folder);
  }

  #split(text: string): string[] {
    if (this.#of === 'name') return [text];
    return text === '/' ? [''] : text.split('/');
  }
}

/** Wildcard matching with one memory: when a later part does not fit, only the last wildcard has to give way (so O(n·m), not exponential). */
function matchList<P, T>(pattern: ArrayLike<P>, text: ArrayLike<T>, wildcard: P, fits: (part: P, piece: T) => boolean): boolean {
  let at = 0;
  let wildcardAt = -1;
  let resumeAt = 0;
  let i = 0;
  while (i < text.length) {
    // Both indices are in range here.
    if (at < pattern.length && pattern[at] === wildcard) {
      wildcardAt = at++;
      resumeAt = i;
    } else if (at < pattern.length && fits(pattern[at] as P, text[i] as T)) {
      at++;
      i++;
    } else if (wildcardAt !== -1) {
      at = wildcardAt + 1;
      i = ++resumeAt;
    } else {
      return false;
    }
  }
  while (at < pattern.length && pattern[at] === wildcard) at++;
  return at === pattern.length;
}

function matchSegment(pattern: Segment, segment: string): boolean {
  if (typeof pattern === 'string') return pattern === segment;
  if (pattern === ANY_SEGMENTS) return true;
  return matchList<Token, string>(pattern, [...segment], ANY_TEXT, (token, character) => token === ANY_CHARACTER || token === character);
}

function compileSegment(text: string): Segment {
  if (text === '**') return ANY_SEGMENTS;
  const tokens: Token[] = [];
  const characters = [...text];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? '';
    if (character === '\\') tokens.push(characters[++i] ?? '');
    else if (character === '*') tokens.push(ANY_TEXT);
    else tokens.push(character === '?' ? ANY_CHARACTER : character);
  }
  return tokens.every((token) => typeof token === 'string') ? tokens.join('') : tokens;
}

/** `a{b,c}d` → `abd`, `acd`; braces may nest. */
function expandBraces(text: string): string[] {
  const open = findUnescaped(text, '{', 0);
  if (open === -1) return [text];
  const parts: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let i = open; i < text.length; i++) {
    const character = text[i];
    if (character === '\\') i++;
    else if (character === '{') depth++;
    else if (character === ',' && depth === 1) {
      parts.push(text.slice(from, i));
      from = i + 1;
    } else if (character === '}' && --depth === 0) {
      parts.push(text.slice(from, i));
      return joinAlternatives(text.slice(0, open), parts, text.slice(i + 1));
    }
  }
  throw new SyntaxError('a closing } for each {');
}

function joinAlternatives(before: string, parts: readonly string[], after: string): string[] {
  const expanded: string[] = [];
  // What follows is expanded once, not once for each part, and the bound holds before anything is multiplied.
  const tails = expandBraces(after);
  for (const part of parts) {
    for (const middle of expandBraces(part)) {
      for (const tail of tails) expanded.push(before + middle + tail);
      if (expanded.length > MAX_ALTERNATIVES) throw new SyntaxError(`a pattern that stands for at most ${MAX_ALTERNATIVES} others`);
    }
  }
  return expanded;
}

function findUnescaped(text: string, wanted: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === wanted) return i;
  }
  return -1;
}
