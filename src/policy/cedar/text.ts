/** A text as Cedar writes it: quoted, with everything but printable ASCII escaped. */
export function quote(text: string): string {
  return `"${escape(text)}"`;
}

/** `["a", "b"]`. */
export function setOf(texts: readonly string[]): string {
  return `[${texts.map(quote).join(', ')}]`;
}

/** The pattern of a `like`: fixed texts with a `*` between each two, which in Cedar spans everything, slashes and newlines included. */
export function pattern(fixed: readonly string[]): string {
  return `"${fixed.map((text) => escape(text).replaceAll('*', String.raw`\*`)).join('*')}"`;
}

/** Cedar goes down a level for each member of a chain, and some hundreds of levels are the end of its stack. */
const CHAIN = 16;

/** One of these has to hold. There is at least one; a long list becomes a tree. */
export function anyOf(conditions: readonly string[]): string {
  if (conditions.length === 1) return conditions[0] ?? '';
  if (conditions.length <= CHAIN) return conditions.map((one) => (/&&|\|\|/.test(one) ? `(${one})` : one)).join(' || ');
  return anyOf(Array.from({ length: Math.ceil(conditions.length / CHAIN) }, (_, i) => anyOf(conditions.slice(i * CHAIN, (i + 1) * CHAIN))));
}

/** Cedar warns of other scripts and of what changes the direction of text, in rules that people wrote: what is ASCII it takes as it is. */
export function isPlain(text: string): boolean {
  return /^[\u0020-\u007e]*$/.test(text);
}

function escape(text: string): string {
  let escaped = '';
  for (const character of text.toWellFormed()) {
    if (character === '"' || character === '\\') escaped += `\\${character}`;
    else escaped += isPlain(character) ? character : String.raw`\u{${character.codePointAt(0)?.toString(16)}}`;
  }
  return escaped;
}
