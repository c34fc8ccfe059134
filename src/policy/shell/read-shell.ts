import type { SyntaxNode } from 'unbash';
import { type Dialect, readDifferently } from './dialects.ts';
import { doubtOf } from './doubtful-syntax.ts';
import { hasOperator, readAssignment, readWord } from './read-word.ts';
import type { Word } from './shell-word.ts';
import { noteVariables } from './syntax-variables.ts';
import { unbash } from './unbash.ts';
import type { Variables } from './variables.ts';

/** The simple commands of a shell text, in whatever order they would run, and what about it cannot be known. */
export interface ShellReading {
  readonly commands: (readonly Word[])[];
  readonly doubts: string[];
}

/** Linux starts nothing with a longer word. */
const MAX_TEXT = 128 * 1024;
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
    reader.visit(unbash().parse(text));
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
    unbash().forEachChild(node, this.visit);
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
    unbash().forEachChild(script, this.visit);
    // Only known once everything in it was read.
    const [error] = script.errors ?? [];
    if (error !== undefined) this.doubts.push(`it is not understood: ${error.message}`);
    this.#source = outside;
    this.#tests = tests;
    this.#nesting--;
  }
}
