import type { SyntaxNode } from 'unbash';

/** Who runs a text: bash alone; `sh`, which may be dash, busybox or bash; or a shell whose language is another one. */
export type Dialect = 'posix' | 'bash' | 'other';

/** By base name. */
export const SHELLS: Readonly<Record<string, Dialect>> = {
  sh: 'posix',
  dash: 'posix',
  ash: 'posix',
  hush: 'posix',
  bash: 'bash',
  rbash: 'bash',
  zsh: 'other',
  ksh: 'other',
  ksh93: 'other',
  mksh: 'other',
  yash: 'other',
  fish: 'other',
  csh: 'other',
  tcsh: 'other',
};

/** Why a piece of a text that is read as bash does may be something else to a shell that `sh` can be. */
export function readDifferently(node: SyntaxNode, source: string): string | undefined {
  const text = (): string => source.slice(node.pos, node.end);
  switch (node.type) {
    case 'AnsiCQuoted':
      return "a $'…' quote";
    case 'LocaleString':
      return 'a $"…" quote';
    case 'HereString':
      return 'a <<<';
    case 'ArithmeticCommand':
    case 'ArithmeticFor':
      return 'a ((';
    case 'Coproc':
      return 'coproc';
    case 'Function':
      return text().startsWith('function') ? 'function' : undefined;
    case 'TestCommand':
      // To a shell that does not know `[[`, what follows an operator in it is a command, and what follows `#` a comment.
      return /[;&|()#\n]/.test(text()) ? 'a [[' : undefined;
    case 'Assignment':
      return node.append === true || node.index !== undefined ? 'an assignment to a part of a variable' : undefined;
    case 'Command':
      return endsEarly(node) ? 'a &>' : undefined;
    default:
      return undefined;
  }
}

/** To dash `a &>b c` is `a &` and `>b c`. */
function endsEarly({ suffix }: Extract<SyntaxNode, { type: 'Command' }>): boolean {
  const at = suffix.findIndex((one) => one.type === 'Redirect' && one.operator.startsWith('&'));
  return at !== -1 && suffix.slice(at).some((one) => one.type === 'Word' || one.type === 'Assignment');
}
