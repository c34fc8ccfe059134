import type { Word } from './shell-word.ts';

/** The shell text that words stand in, and how far it was read. */
export interface ShellText {
  readonly text: string;
  at: number;
  readonly doubts: string[];
  /** Reads the commands of `$(…)` from behind its parenthesis to behind the closing one. */
  readSubstitution(): void;
  /** Reads the commands of a text that stood in backticks. */
  readQuoted(text: string): void;
}

/** In the text itself: a name that is quoted or computed sets nothing. */
const ASSIGNMENT = /[A-Za-z_]\w*(?:\[\w*\])?\+?=/y;

/** Reads one word at a time; commands in its substitutions are left to the reader of the text. */
export class WordReader {
  readonly #shell: ShellText;
  #text = '';
  /** The part of it that no quote protects: where a pattern would be. */
  #unquoted = '';
  #certain = true;
  #bare = true;

  constructor(shell: ShellText) {
    this.#shell = shell;
  }

  read(): Word {
    this.#text = '';
    this.#unquoted = '';
    this.#certain = true;
    this.#bare = true;
    const source = this.#shell.text;
    ASSIGNMENT.lastIndex = this.#shell.at;
    const assigns = ASSIGNMENT.test(source);
    // A shell's own blanks, not Unicode's.
    while (this.#shell.at < source.length && !/[ \t\n;&|<>()]/.test(source[this.#shell.at] ?? '')) this.#readPiece();
    if (source[this.#shell.at] === '(' && this.#text !== '') this.#readParenthesis();
    return { text: this.#text, certain: this.#certain && !this.#isPattern(), bare: this.#bare, assigns };
  }

  #readPiece(): void {
    const character = this.#next();
    if (character === '\\') this.#readEscape();
    else if (character === "'") this.#readUntil("'");
    else if (character === '"') this.#readQuoted();
    else if (character === '$') this.#readExpansion();
    else if (character === '`') this.#readBackticks();
    else {
      this.#text += character;
      this.#unquoted += character;
    }
  }

  #next(): string {
    return this.#shell.text[this.#shell.at++] ?? '';
  }

  #readEscape(): void {
    const escaped = this.#next();
    if (escaped === '\n') return;
    this.#bare = false;
    this.#text += escaped;
  }

  #readUntil(closing: string): void {
    this.#bare = false;
    const { text, at } = this.#shell;
    const end = text.indexOf(closing, at);
    if (end === -1) this.#shell.doubts.push('a quote is not closed');
    this.#text += text.slice(at, end === -1 ? undefined : end);
    this.#shell.at = end === -1 ? text.length : end + 1;
  }

  #readQuoted(): void {
    this.#bare = false;
    for (;;) {
      if (this.#shell.at >= this.#shell.text.length) {
        this.#shell.doubts.push('a quote is not closed');
        return;
      }
      const character = this.#next();
      if (character === '"') return;
      if (character === '\\') {
        const escaped = this.#next();
        if (escaped !== '\n') this.#text += '$`"\\'.includes(escaped) ? escaped : `\\${escaped}`;
      } else if (character === '$') this.#readExpansion('"');
      else if (character === '`') this.#readBackticks();
      else this.#text += character;
    }
  }

  /** `$(…)`, `$((…))`, `${…}`, `$name`; a dollar by itself is a dollar. */
  #readExpansion(within = ''): void {
    const shell = this.#shell;
    const next = shell.text[shell.at] ?? '';
    if (next === '(') {
      this.#certain = false;
      if (shell.text[shell.at + 1] === '(') this.#skipArithmetic();
      else this.#readSubstitution();
    } else if (next === '{') {
      this.#certain = false;
      this.#skipParameter();
    } else if (next === "'" && within === '') {
      // Its escapes can spell anything, and shells do not agree where it ends.
      shell.doubts.push("it has a $'…' quote");
    } else if (/[A-Za-z0-9_@*#?$!-]/.test(next)) {
      this.#certain = false;
      shell.at += /^(?:[A-Za-z_]\w*|.)/.exec(shell.text.slice(shell.at, shell.at + 256))?.[0].length ?? 1;
    } else if (next !== '"') this.#text += '$';
  }

  #readSubstitution(): void {
    this.#shell.at++;
    this.#shell.readSubstitution();
  }

  /** From `((` to behind its `))`; where they are not together it was `( (`, a substitution. */
  #skipArithmetic(): void {
    const shell = this.#shell;
    const from = shell.at;
    let depth = 0;
    for (; shell.at < shell.text.length; shell.at++) {
      const character = shell.text[shell.at];
      if (character === '(') depth++;
      else if (character === ')' && --depth === 1) break;
    }
    const together = shell.text[shell.at + 1] === ')';
    if (!together || /\$\(|[`['"\\]/.test(shell.text.slice(from, shell.at))) shell.doubts.push('it computes with commands');
    shell.at += 2;
  }

  #skipParameter(): void {
    const shell = this.#shell;
    const from = shell.at;
    let depth = 0;
    for (; shell.at < shell.text.length; shell.at++) {
      const character = shell.text[shell.at];
      if (character === '\\') shell.at++;
      else if (character === '{') depth++;
      else if (character === '}' && --depth === 0) break;
    }
    shell.at++;
    if (/\$\(|`|['"]|@P\}|<\(/.test(shell.text.slice(from, shell.at))) shell.doubts.push('a parameter is expanded with commands or quotes in it');
  }

  #readBackticks(): void {
    this.#certain = false;
    let inner = '';
    for (;;) {
      if (this.#shell.at >= this.#shell.text.length) {
        this.#shell.doubts.push('a quote is not closed');
        break;
      }
      const character = this.#next();
      if (character === '`') break;
      inner += character === '\\' && /[`$\\]/.test(this.#shell.text[this.#shell.at] ?? '') ? this.#next() : character;
    }
    this.#shell.readQuoted(inner);
  }

  /** `name=(…)` is a list: its words are read as if they were run, which is too careful and never too lax. */
  #readParenthesis(): void {
    if (this.#text.endsWith('=')) this.#readSubstitution();
    else if (/[?*+@!]$/.test(this.#text)) this.#shell.doubts.push('it has an extended pattern');
  }

  /** Names of files or several words, once the shell has seen it. */
  #isPattern(): boolean {
    if (this.#unquoted === '[' || this.#unquoted === '[[') return false;
    return /[*?[]/.test(this.#unquoted) || /\{[^]*(?:,|\.\.)/.test(this.#unquoted);
  }
}
