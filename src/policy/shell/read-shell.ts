import { readHereDocument, type HereDocument } from './here-document.ts';
import { UNKNOWN_WORD, type Word } from './shell-word.ts';
import { type ShellText, WordReader } from './word-reader.ts';

/** The simple commands of a shell text, in whatever order they would run, and what about it cannot be known. */
export interface ShellReading {
  readonly commands: (readonly Word[])[];
  readonly doubts: string[];
}

const MAX_TEXT = 256 * 1024;
const MAX_NESTING = 16;
/** After these a command follows. */
const BEFORE_COMMAND = new Set(['if', 'then', 'elif', 'else', 'while', 'until', 'do', 'fi', 'done', 'esac', '!', '{', '}']);
/** Words that mean something to the shell itself: never quoted, never computed. */
const isReserved = (word: Word | undefined, text: string): boolean => word?.bare === true && word.certain && word.text === text;
/** These begin a list of words that nothing runs. */
const BEFORE_WORDS = new Set(['for', 'select', 'case']);

/** `[[ … && … ]]` is one command to some shells and two to others. */
export type Dialect = 'posix' | 'bash';

/**
 * Finds the programs that a shell text runs, without running anything. It knows quoting, operators, redirections, here-documents,
 * substitutions, groups, loops and `case`; what it cannot be sure of becomes a doubt, never a guess.
 */
export function readShell(text: string, dialect: Dialect, nesting = 0): ShellReading {
  if (text.length > MAX_TEXT) return { commands: [], doubts: ['it is too long to be read'] };
  const reader = new ShellReader(text, 0, dialect, nesting);
  reader.readList('');
  return reader;
}

class ShellReader implements ShellReading, ShellText {
  readonly commands: (readonly Word[])[];
  readonly doubts: string[];
  readonly text: string;
  at: number;
  readonly #dialect: Dialect;
  readonly #nesting: number;
  readonly #words: WordReader;
  readonly #hereDocuments: HereDocument[] = [];
  #command: Word[] = [];
  #groups = 0;
  #cases = 0;
  #testGroups = 0;
  #afterTime = false;
  /** An assignment or a redirection stands before the command: no word is reserved any more, not even `[[`. */
  #isPrefixed = false;
  /** A `&>` stands before it, which some shells read as the end of the command before. */
  #isSplit = false;

  constructor(text: string, at: number, dialect: Dialect, nesting: number, found: ShellReading = { commands: [], doubts: [] }) {
    this.commands = found.commands;
    this.doubts = found.doubts;
    this.text = text;
    this.at = at;
    this.#dialect = dialect;
    this.#nesting = nesting;
    this.#words = new WordReader(this);
  }

  /** Reads commands up to the given closing character, or the end of the text. */
  readList(closing: '' | ')'): void {
    while (this.at < this.text.length) {
      if (this.#dialect === 'bash' && !this.#isPrefixed && isReserved(this.#command[0], '[[') && this.#readTest()) continue;
      if (this.#readOperator(closing) === 'closed') return;
    }
    this.#finish();
    if (closing !== '') this.doubts.push('a parenthesis is not closed');
  }

  readSubstitution(): void {
    const inner = this.#inner(this.text, this.at);
    inner?.readList(')');
    this.at = inner?.at ?? this.text.length;
  }

  readQuoted(text: string): void {
    this.#inner(text, 0)?.readList('');
  }

  /** What it finds is found here, too. */
  #inner(text: string, at: number): ShellReader | undefined {
    if (this.#nesting < MAX_NESTING) return new ShellReader(text, at, this.#dialect, this.#nesting + 1, this);
    this.doubts.push('it is nested too deeply');
    return undefined;
  }

  #readOperator(closing: '' | ')'): 'closed' | 'open' {
    const character = this.text[this.at] ?? '';
    if (character === ' ' || character === '\t') this.at++;
    else if (character === '\n') this.#readNewline();
    else if (character === '#') this.#skipComment();
    else if (character === '<' || character === '>' || (character === '&' && this.text[this.at + 1] === '>')) this.#readRedirection();
    else if (character === ';' || character === '&' || character === '|') this.#separate();
    else if (character === '(') this.#openGroup();
    else if (character === ')') return this.#closeGroup(closing);
    else this.#push(this.#words.read());
    return 'open';
  }

  /** Inside `[[ … ]]` operators join conditions and patterns, not commands. */
  #readTest(): boolean {
    if (isReserved(this.#command.at(-1), ']]')) return false;
    const character = this.text[this.at] ?? '';
    const operator = /^(?:&&|\|\||[<>() \t])/.exec(this.text.slice(this.at, this.at + 2))?.[0];
    if (character === '(' || character === ')') this.#testGroups += character === '(' ? 1 : -1;
    if (operator !== undefined) this.at += operator.length;
    else if (character === '|' && this.#testGroups > 0) this.at++;
    else if (/[;&|\n]/.test(character)) {
      this.doubts.push('a [[ is not closed');
      return false;
    } else this.#command.push(this.#words.read());
    if (this.#testGroups < 0) this.doubts.push('a parenthesis is closed that was not opened');
    return true;
  }

  #push(word: Word): void {
    const next = this.text[this.at];
    // The number of a descriptor that is redirected: `2>`.
    if (word.bare && word.certain && /^\d+$/.test(word.text) && (next === '<' || next === '>')) return;
    if (this.#isSplit) this.doubts.push('&> ends a command in one shell and redirects it in another');
    this.#isSplit = false;
    if (this.#command.length === 0 && this.#precedesCommand(word)) return;
    this.#command.push(word);
  }

  /** Reserved words, assignments and `time` stand before the program. */
  #precedesCommand(word: Word): boolean {
    const afterTime = this.#afterTime;
    this.#afterTime = isReserved(word, 'time');
    if (word.assigns) this.#isPrefixed = true;
    if (word.assigns || this.#afterTime || (afterTime && word.text === '-p')) return true;
    if (!word.bare || !word.certain || this.#isPrefixed) return false;
    if (word.text === 'esac') this.#cases--;
    if (word.text === 'case') this.#cases++;
    if (word.text === 'function') this.doubts.push('it defines a function');
    return BEFORE_COMMAND.has(word.text);
  }

  #finish(): void {
    const first = this.#command[0];
    const isList = first !== undefined && !this.#isPrefixed && first.bare && first.certain && BEFORE_WORDS.has(first.text);
    if (first !== undefined && !isList) this.commands.push(this.#command);
    this.#begin();
  }

  #begin(): void {
    this.#command = [];
    this.#isPrefixed = false;
    this.#isSplit = false;
  }

  #separate(): void {
    this.#finish();
    this.at++;
  }

  #readNewline(): void {
    this.#separate();
    for (const wanted of this.#hereDocuments.splice(0)) {
      const document = readHereDocument(this.text, this.at, wanted);
      this.at = document.end;
      if (!wanted.quoted && /\$\(|`/.test(document.body)) this.doubts.push('a here-document has commands in it');
    }
  }

  #skipComment(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end === -1 ? this.text.length : end;
  }

  #readRedirection(): void {
    const operator = /^(?:<<<|<<-|<<|<\(|>\(|&>>|&>|>>|>&|<&|>\||<>|<|>)/.exec(this.text.slice(this.at, this.at + 3))?.[0] ?? '<';
    this.at += operator.length;
    if (operator.startsWith('&') && this.#dialect === 'posix') {
      this.#finish();
      this.#isSplit = true;
    }
    if (this.#command.length === 0) this.#isPrefixed = true;
    if (operator === '<(' || operator === '>(') {
      this.readSubstitution();
      this.#command.push(UNKNOWN_WORD);
      return;
    }
    while (this.text[this.at] === ' ' || this.text[this.at] === '\t') this.at++;
    const target = this.#words.read();
    if (operator !== '<<' && operator !== '<<-') return;
    if (!target.certain) this.doubts.push('where a here-document ends is computed');
    this.#hereDocuments.push({ delimiter: target.text, quoted: !target.bare, stripTabs: operator === '<<-' });
  }

  #openGroup(): void {
    if (this.#command.length === 0) {
      // `((` computes in one shell and is two groups in another: as groups, nothing in it is missed.
      this.#groups++;
      this.at++;
      return;
    }
    const definition = /^\(\s*\)/.exec(this.text.slice(this.at, this.at + 16))?.[0];
    if (this.#command.length !== 1 || definition === undefined) {
      this.doubts.push('a parenthesis stands where none belongs');
      this.#separate();
      return;
    }
    // A function: its body is read like everything else, its name is not run here.
    this.#begin();
    this.at += definition.length;
  }

  #closeGroup(closing: '' | ')'): 'closed' | 'open' {
    this.at++;
    if (this.#groups > 0) {
      this.#finish();
      this.#groups--;
      return 'open';
    }
    if (this.#cases > 0) {
      // What stood before it was a pattern.
      this.#begin();
      return 'open';
    }
    this.#finish();
    if (closing === ')') return 'closed';
    this.doubts.push('a parenthesis is closed that was not opened');
    return 'open';
  }
}
