import type * as syntax from 'unbash';
import { readWord } from './read-word.ts';
import type { Word } from './shell-word.ts';
import { UNSEEN, type Variables } from './variables.ts';

/** Notes what one node of a syntax tree sets and computes; its children are nodes of their own. */
export function noteVariables(node: syntax.SyntaxNode, variables: Variables): void {
  noteSet(node, variables);
  noteComputed(node, variables);
}

function noteSet(node: syntax.SyntaxNode, variables: Variables): void {
  switch (node.type) {
    case 'Assignment':
      noteAssignment(node, variables);
      return;
    case 'For':
    case 'Select':
      for (const word of node.wordlist ?? [undefined]) variables.assign(node.name.value, node.type === 'Select' || word === undefined ? UNSEEN : valueOf(word));
      return;
    case 'Function':
      if (Object.hasOwn(COUNTING, node.name.value)) variables.doubts.push(`${node.name.value} is something else in it`);
      return;
    case 'FileDescriptorVariable':
      variables.assign(node.name, undefined);
      return;
    case 'Coproc':
      variables.assign(node.name?.value ?? 'COPROC', UNSEEN);
      return;
    case 'ArithmeticBinary':
      // An assignment gives a number, to whatever that is.
      if (node.operator.endsWith('=') && node.left.type === 'ArithmeticWord' && !/^[=!<>]=$/.test(node.operator)) variables.assign(node.left.value, undefined);
      return;
    default:
      return;
  }
}

function noteComputed(node: syntax.SyntaxNode, variables: Variables): void {
  switch (node.type) {
    case 'ParameterExpansion':
      noteExpansion(node, variables);
      return;
    case 'ArithmeticWord':
      variables.compute(node.value);
      return;
    case 'ArithmeticExpansion':
    case 'ArithmeticCommand':
      // One that could not be read further.
      if (node.expression === undefined) variables.compute(node.type === 'ArithmeticCommand' ? node.body : node.text.slice(2));
      return;
    case 'TestBinary':
      if (/^-(?:eq|ne|lt|le|gt|ge)$/.test(node.operator)) for (const word of [node.left, node.right]) variables.compute(withoutQuotes(word.text));
      return;
    case 'TestUnary':
      if (node.operator === '-v' || node.operator === '-R') variables.compute(withoutQuotes(node.operand.text));
      return;
    default:
      return;
  }
}

function noteAssignment({ name, index, value, append, text }: syntax.Assignment, variables: Variables): void {
  if (index !== undefined) variables.compute(index.text);
  // Those that come later change nothing of what is found.
  if (name === 'PATH' && /^PATH="?\$\{?PATH\}?(?:[:"]|$)/.test(text)) return;
  if (value.type === 'ArrayValue') {
    for (const element of value.elements) {
      const at = /^\[([^]*?)\]\+?=/.exec(element.text)?.[1];
      if (at !== undefined) variables.compute(at);
      variables.assign(name, readWord(element));
    }
  } else variables.assign(name, append === true && valueOf(value)?.text.includes('[') !== false ? UNSEEN : valueOf(value));
  if (value.type === 'ArrayValue' && value.elements.length === 0) variables.assign(name, undefined);
}

function noteExpansion({ parameter, prefix, index, operation }: syntax.ParameterExpansionPart, variables: Variables): void {
  if (index !== undefined && index.text !== '@' && index.text !== '*') variables.compute(index.text);
  // The value is a name, which may have an index.
  if (prefix === '!' && operation?.type !== 'Names' && index === undefined) variables.compute(parameter);
  if (operation?.type === 'Default' && operation.operator.endsWith('=')) variables.assign(parameter, readWord(operation.operand));
  if (operation?.type === 'Slice') for (const word of [operation.offset, operation.length]) if (word !== undefined) variables.compute(word.text);
}

/** What a variable gets; `undefined` for a number. */
function valueOf(word: syntax.Word): Word | undefined {
  const parts = (word.parts ?? []).flatMap((part): readonly syntax.WordPart[] => (part.type === 'DoubleQuoted' ? part.parts : [part]));
  const numbers = parts.every((part) => part.type === 'ArithmeticExpansion' || /^\$(?:[#?$!]|\{#\w+\})$/.test(part.text));
  const isCounted = parts.length === 1 && parts[0]?.type === 'CommandExpansion' && countsOf(parts[0].script?.commands ?? []);
  const isRange = word.parts?.length === 1 && word.parts[0]?.type === 'BraceExpansion' && /^\{[-\d.,]+\}$/.test(word.text);
  return (parts.length > 0 && numbers) || isRange || isCounted ? undefined : readWord(word);
}

/** With these arguments they print numbers, whatever their input is. */
const COUNTING: Readonly<Record<string, RegExp>> = { date: /^\+%s(?:%N)?$/, nproc: /^$/, seq: /^-?\d+$/, wc: /^-[clmwL]+$/ };

function countsOf([statement, ...more]: readonly syntax.Statement[]): boolean {
  const last = statement?.command.type === 'Pipeline' ? statement.command.commands.at(-1) : statement?.command;
  if (more.length > 0 || last?.type !== 'Command' || last.prefix.length > 0 || last.name === undefined) return false;
  const counting = Object.hasOwn(COUNTING, last.name.text) ? COUNTING[last.name.text] : undefined;
  return counting !== undefined && last.args.every((arg) => arg.type === 'Word' && arg.parts === undefined && counting.test(arg.text));
}

function withoutQuotes(text: string): string {
  return text.replaceAll('"', '');
}
