import type { Word } from './shell-word.ts';

/** Options of a shell that take the next word, beside `-c`. */
const LONG_WITH_VALUE = new Set(['--rcfile', '--init-file']);

/** What a shell is told to run. */
export interface ShellCall {
  readonly text?: string;
  readonly scripts: readonly string[];
  readonly doubt?: string;
}

/** A text (`-c`), files (nothing is known of them then, nor doubted: programs like any others), or its input. */
export function readShellArguments(args: readonly Word[]): ShellCall {
  let hasText = false;
  let readsInput = false;
  const scripts: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i];
    if (word === undefined) break;
    if (!word.certain) return { scripts, doubt: 'what a shell runs is computed' };
    if (changesMeaning(word)) return { scripts, doubt: `${word.text} changes what words mean` };
    const option = /^[-+]([A-Za-z]+)$/.exec(word.text)?.[1];
    if (option !== undefined) {
      hasText ||= option.includes('c') && word.text.startsWith('-');
      readsInput ||= option.includes('s');
      if (/[oO]/.test(option) && (args[++i]?.certain !== true || changesMeaning(args[i]))) return { scripts, doubt: 'an option of a shell changes what words mean' };
    } else if (word.text.startsWith('--') && word.text.length > 2) {
      const file = LONG_WITH_VALUE.has(word.text) ? args[++i] : undefined;
      const doubt = doubtfulScript(file);
      if (doubt !== undefined) return { scripts, doubt };
      if (file !== undefined) scripts.push(file.text);
    } else if (word.text === '--' || word.text === '-') {
      return operand(args[i + 1], hasText, readsInput, scripts);
    } else if (/^[-+]/.test(word.text)) {
      return { scripts, doubt: `${word.text.slice(0, 64)} is no option of a shell that is known` };
    } else return operand(word, hasText, readsInput, scripts);
  }
  return operand(undefined, hasText, readsInput, scripts);
}

function operand(word: Word | undefined, hasText: boolean, readsInput: boolean, scripts: readonly string[]): ShellCall {
  if (hasText) return word?.certain === true ? { text: word.text, scripts } : { scripts, doubt: 'what a shell runs is computed' };
  if (word === undefined || readsInput) return { scripts, doubt: 'a shell reads commands from its input' };
  const doubt = doubtfulScript(word);
  return doubt === undefined ? { scripts: [...scripts, word.text] } : { scripts, doubt };
}

/** A script is a program like any other, unless it is the input in the guise of a file. */
export function doubtfulScript(word: Word | undefined): string | undefined {
  if (word?.certain === false) return 'what a shell runs is computed';
  return word !== undefined && /^\/(?:dev|proc)\/|\/fd\//.test(word.text) ? 'a shell reads commands from its input' : undefined;
}

/** Options by which assignments stand anywhere, and words of earlier lines come back. */
export function changesMeaning(word: Word | undefined): boolean {
  return /^[-+][A-Za-z]*[kH]|^(?:keyword|history|histexpand)$/.test(word?.text ?? '');
}
