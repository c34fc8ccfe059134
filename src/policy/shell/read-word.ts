import type * as syntax from 'unbash';
import type { Word } from './shell-word.ts';

/** A word of a syntax tree: its text where the shell will see just that, else what of it is fixed. */
export function readWord({ text, value, parts }: syntax.Word): Word {
  if (parts === undefined) return { text: value, certain: isLiteral(text) };
  const certain = !startsAtHome(text) && parts.every(isFixed);
  return { text: certain ? value : fixedText(parts), certain };
}

/** `name=value` behind a command that sets variables (`export`). */
export function readAssignment({ name, append, index, value }: syntax.Assignment): Word {
  const word = value.type === 'Word' ? readWord(value) : undefined;
  const plain = append !== true && index === undefined && word !== undefined;
  return { text: `${name}=${word?.text ?? ''}`, certain: plain && word.certain, assigns: true };
}

/** An operator stands in it that nothing quotes: the parser took for a word what is none, `2>(…)` for one. In `[[ … ]]` patterns have some of them. */
export function hasOperator({ text, parts }: syntax.Word, inTest: boolean): boolean {
  const isWord = inTest ? /^(?:[^\\<>]|[<>](?!\()|\\[^])*\\?$/ : /^(?:[^\\()<>|&;\s]|\\[^])*\\?$/;
  return (parts ?? [{ type: 'Literal', text }]).some((part) => part.type === 'Literal' && !isWord.test(part.text));
}

type Part = syntax.WordPart | syntax.DoubleQuotedChild;

function isFixed(part: Part): boolean {
  switch (part.type) {
    case 'Literal':
      return isLiteral(part.text);
    case 'SingleQuoted':
      return true;
    case 'AnsiCQuoted':
      // Its escapes can spell bytes that are no Unicode, and shells do not agree on all of them.
      return /^[\x20-\x7e\t\n]*$/.test(part.value) && /^\$'(?:[^\\']|\\[abefnrtv\\'"?]|\\x[\da-fA-F]{2}|\\[0-7]{3})*'$/.test(part.text);
    case 'DoubleQuoted':
      return part.parts.every((inner) => inner.type === 'Literal');
    default:
      return false;
  }
}

/** No pattern, list in braces or home folder, were it read with less care than a shell does. */
function isLiteral(text: string): boolean {
  return !startsAtHome(text) && (text === '[' || !/[*?[]|\{[^]*(?:,|\.\.)/.test(text));
}

/** `~name` and `~+` are folders that only the shell knows; of `~/a/b` the name is known. */
function startsAtHome(text: string): boolean {
  return /^~(?!\/)/.test(text);
}

function fixedText(parts: readonly Part[]): string {
  return parts
    .map((part) => {
      if (part.type === 'Literal' || part.type === 'SingleQuoted' || part.type === 'AnsiCQuoted') return part.value;
      return part.type === 'DoubleQuoted' ? fixedText(part.parts) : '';
    })
    .join('');
}
