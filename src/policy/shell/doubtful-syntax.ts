import type * as syntax from 'unbash';
import type { SyntaxNode } from 'unbash';
import { readWord } from './read-word.ts';
import type { Word } from './shell-word.ts';
import { unbash } from './unbash.ts';

/** Why what the parser has read is not for certain what a shell will see: its errors, and those of shells. */
export function doubtOf(node: SyntaxNode): string | undefined {
  switch (node.type) {
    case 'ExtendedGlob':
      return 'it has an extended pattern';
    case 'ParameterExpansion':
      // Where quotes end in there, not even two versions of one shell agree.
      return /['"\\`]|<\(/.test(node.text) ? 'a parameter is expanded with quotes in it' : undefined;
    case 'Unknown':
      return 'a parameter is not understood';
    case 'Transform':
      return node.operand.value === 'P' ? 'a variable is expanded as a text' : undefined;
    case 'CommandExpansion':
    case 'ProcessSubstitution':
      if (node.script === undefined) return 'it is nested too deeply';
      if (node.text.startsWith('$((')) return 'a $(( is not known to compute';
      return isClosed(node.text) ? afterHereDocument(node) : 'a substitution is not closed';
    case 'Assignment':
      // A list with something behind it is no list to the parser, and to bash both.
      return isList(node) ? undefined : 'a list is not understood';
    case 'Redirect':
      // Bash expands the name of a file behind `>&` once more; and what follows `>&-` is a word of its own.
      return node.operator.endsWith('&') && node.target !== undefined && !isPlain(readWord(node.target)) ? 'where it writes to is computed' : undefined;
    case 'Subshell':
      return node.body.commands[0]?.pos === node.pos + 1 && opensSubshell(node.body.commands[0].command) ? 'a (( is not known to compute' : undefined;
    case 'ArithmeticCommandExpansion':
      return 'it computes with commands';
    case 'HereDoc':
      return node.closing === undefined || node.delimiter === undefined || /[$`\\\n]/.test(node.delimiter.text) ? 'a here-document does not end, or not for certain where it seems to' : undefined;
    default:
      return undefined;
  }
}

/** It was not cut short where the parser looked for its end. */
function isClosed(text: string): boolean {
  return text.endsWith(text.startsWith('`') ? '`' : text.startsWith('${') ? '}' : ')');
}

/** Bash writes a substitution down again before it runs it, and loses count of what stands behind a here-document in it. */
function afterHereDocument({ text, script }: syntax.CommandExpansionPart | syntax.ProcessSubstitutionPart): string | undefined {
  if (!text.includes('<<')) return undefined;
  let closing = 0;
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'HereDoc') closing = Math.max(closing, node.closing?.end ?? 0);
    unbash().forEachChild(node, visit);
  };
  if (script !== undefined) visit(script);
  return closing > 0 && script !== undefined && script.commands.some(({ end, pos }) => pos > closing || end > closing) ? 'something follows a here-document in a substitution' : undefined;
}

/** A value, or a list of which the parser has seen the end. */
function isList({ value, end }: syntax.Assignment): boolean {
  if (value.type === 'Word') return !value.text.startsWith('(');
  return value.end === end;
}

function isPlain({ text, certain }: Word): boolean {
  return certain && /^(?:-|\w[\w./+~ -]*|[./~][\w./+~ -]*)$/.test(text);
}

/** The second of two parentheses, which bash takes for arithmetic until it finds that it is none. */
function opensSubshell(node: SyntaxNode): boolean {
  if (node.type === 'Subshell' || node.type === 'ArithmeticCommand') return true;
  const first = node.type === 'Redirected' ? node.command : node.type === 'Pipeline' && node.prefixes.length === 0 ? node.commands[0] : node.type === 'AndOr' ? node.commands[0] : undefined;
  return first !== undefined && opensSubshell(first);
}
