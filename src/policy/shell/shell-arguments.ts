import type { Word } from './shell-word.ts';

/** Options of a shell that take the next word, beside `-c`. */
const LONG_WITH_VALUE = new Set(['--rcfile', '--init-file']);

/** What a shell is told to run. */
export interface ShellCall {
  readonly text?: string;
  readonly script?: string;
  readonly doubt?: string;
}

/** A text (`-c`), a file (nothing is known then, nor doubted: a program like any other), or its input. */
export function readShellArguments(args: readonly Word[]): ShellCall {
  let hasText = false;
  let readsInput = false;
  for (let i = 0; i < args.length; i++) {
    const word = args[i];
    if (word === undefined) break;
    if (!word.certain) return { doubt: 'what a shell runs is computed' };
    const option = /^[-+]([A-Za-z]+)$/.exec(word.text)?.[1];
    if (option !== undefined) {
      hasText ||= option.includes('c') && word.text.startsWith('-');
      readsInput ||= option.includes('s');
      if (/[oO]/.test(option) && args[++i]?.certain !== true) return { doubt: 'what a shell runs is computed' };
    } else if (word.text.startsWith('--') && word.text.length > 2) {
      const doubt = LONG_WITH_VALUE.has(word.text) ? doubtfulScript(args[++i]) : undefined;
      if (doubt !== undefined) return { doubt };
    } else if (word.text === '--' || word.text === '-') {
      return operand(args[i + 1], hasText, readsInput);
    } else return operand(word, hasText, readsInput);
  }
  return operand(undefined, hasText, readsInput);
}

function operand(word: Word | undefined, hasText: boolean, readsInput: boolean): ShellCall {
  if (hasText) return word?.certain === true ? { text: word.text } : { doubt: 'what a shell runs is computed' };
  if (word === undefined || readsInput) return { doubt: 'a shell reads commands from its input' };
  const doubt = doubtfulScript(word);
  return doubt === undefined ? { script: word.text } : { doubt };
}

/** A script is a program like any other, unless it is the input in the guise of a file. */
export function doubtfulScript(word: Word | undefined): string | undefined {
  if (word?.certain === false) return 'what a shell runs is computed';
  return word !== undefined && /^\/(?:dev|proc)\/|\/fd\//.test(word.text) ? 'a shell reads commands from its input' : undefined;
}
