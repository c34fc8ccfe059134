/** One word of a command, as far as it can be known before the shell runs. */
export interface Word {
  /** With quotes and escapes taken away. Where it is not certain: what is fixed of it. */
  readonly text: string;
  /** No expansion, substitution or pattern in it: the shell will see exactly `text`. */
  readonly certain: boolean;
  /** It is an assignment to the shell's own eyes, which was noted where it was read. */
  readonly assigns?: true;
}

export function fixedWord(text: string): Word {
  return { text, certain: true };
}

/** A word that only the running shell will know. */
export const UNKNOWN_WORD: Word = { text: '', certain: false };

/** The last part of a program's path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
