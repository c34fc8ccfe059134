import type * as syntax from 'unbash';
import { forEachChild, parse, type SyntaxNode } from 'unbash';
import { type Dialect, readDifferently } from './dialects.ts';
import { hasOperator, readAssignment, readWord } from './read-word.ts';
import type { Word } from './shell-word.ts';
import { noteVariables } from './syntax-variables.ts';
import type { Variables } from './variables.ts';

/** The simple commands of a shell text, in whatever order they would run, and what about it cannot be known. */
export interface ShellReading {
  readonly commands: (readonly Word[])[];
  readonly doubts: string[];
}

const MAX_TEXT = 256 * 1024;
const MAX_NESTING = 16;
/** Of substitutions and here-documents: the parser's time grows with the square of their number. */
const MAX_PIECES = 4_000;

/**
 * Finds the programs that a shell text runs, without running anything: the commands of its syntax tree, with those in substitutions and functions.
 * What the parser cannot make sense of, what other shells read differently and what only the running shell knows becomes a doubt, never a guess.
 */
export function readShell(text: string, dialect: Dialect, nesting: number, variables: Variables): ShellReading {
  if (text.length > MAX_TEXT || (text.match(/\$[({[]|[<>]\(|<<|`|\(\(/g)?.length ?? 0) > MAX_PIECES) return { commands: [], doubts: ['it is too long to be read'] };
  const reader = new ShellReader(text, dialect, nesting, variables);
  if (/\$\\\n|[&|<>(;](?:\\\n)+[&|<>(;]/.test(text)) reader.doubts.push('a line is continued in the middle of an operator');
  if (dialect === 'other') reader.doubts.push('it is for a shell whose language is not read here');
  try {
    reader.visit(parse(text));
  } catch {
    // A parser that gives up on a text has not read it.
    reader.doubts.push('it cannot be read');
  }
  return reader;
}

class ShellReader implements ShellReading {
  readonly commands: (readonly Word[])[] = [];
  readonly doubts: string[] = [];
  readonly #dialect: Dialect;
  /** What positions in the tree count from: the inside of backticks has a text of its own. */
  #source: string;
  #nesting: number;
  /** How many `[[` it is in, where operators stand in words. */
  #tests = 0;
  readonly #variables: Variables;

  constructor(source: string, dialect: Dialect, nesting: number, variables: Variables) {
    this.#variables = variables;
    this.#source = source;
    this.#dialect = dialect;
    this.#nesting = nesting;
  }

  readonly visit = (node: SyntaxNode): void => {
    if (node.type === 'Script') {
      this.#visitScript(node);
      return;
    }
    if (node.type === 'Command' && node.name !== undefined) this.commands.push([readWord(node.name), ...node.args.map((word) => (word.type === 'Word' ? readWord(word) : readAssignment(word)))]);
    if (node.type === 'TestCommand') this.#tests++;
    const doubt = node.type === 'Word' && hasOperator(node, this.#tests > 0) ? 'a word is not understood' : doubtOf(node);
    if (doubt !== undefined) this.doubts.push(doubt);
    const different = this.#dialect === 'posix' ? readDifferently(node, this.#source) : undefined;
    if (different !== undefined) this.doubts.push(`${different} is not the same to every sh`);
    noteVariables(node, this.#variables);
    forEachChild(node, this.visit);
    if (node.type === 'TestCommand') this.#tests--;
  };

  #visitScript(script: Extract<SyntaxNode, { type: 'Script' }>): void {
    if (this.#nesting > MAX_NESTING) {
      this.doubts.push('it is nested too deeply');
      return;
    }
    const [outside, tests] = [this.#source, this.#tests];
    this.#tests = 0;
    this.#nesting++;
    this.#source = script.source ?? outside;
    forEachChild(script, this.visit);
    // Only known once everything in it was read.
    const [error] = script.errors ?? [];
    if (error !== undefined) this.doubts.push(`it is not understood: ${error.message}`);
    this.#source = outside;
    this.#tests = tests;
    this.#nesting--;
  }
}

/** What the parser has read, and what is not for certain what the shell will see. */
function doubtOf(node: SyntaxNode): string | undefined {
  switch (node.type) {
    case 'ExtendedGlob':
      return 'it has an extended pattern';
    case 'ParameterExpansion':
      // Where quotes end in there, not even two versions of one shell agree.
      return /['"\\`]|<\(/.test(node.text) ? 'a parameter is expanded with quotes in it' : undefined;
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
      // Bash expands the name of a file behind `>&` once more.
      return node.operator === '>&' && node.target !== undefined && !isPlain(readWord(node.target)) ? 'where it writes to is computed' : undefined;
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
    forEachChild(node, visit);
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
  return certain && /^[\w./+~ -]*$/.test(text);
}

/** The second of two parentheses, which bash takes for arithmetic until it finds that it is none. */
function opensSubshell(node: SyntaxNode): boolean {
  if (node.type === 'Subshell' || node.type === 'ArithmeticCommand') return true;
  const first = node.type === 'Redirected' ? node.command : node.type === 'Pipeline' && node.prefixes.length === 0 ? node.commands[0] : node.type === 'AndOr' ? node.commands[0] : undefined;
  return first !== undefined && opensSubshell(first);
}
