import { fixedWord, type Word } from './shell-word.ts';

/** With these, a program's name says less about what runs: where it is looked for, what is loaded into it, and what a shell or tool runs by itself before or beside it. */
const CHOOSE_PROGRAMS =
  /^(?:PATH|LD_(?:PRELOAD|LIBRARY_PATH|AUDIT)|ENV|SHELLOPTS|PS[04]|PROMPT_COMMAND|BASHOPTS|BASH_(?:ENV|CMDS|ALIASES|LOADABLES_PATH|FUNC_.*)|MAKEFLAGS|TAR_OPTIONS|GIT_(?:CONFIG.*|EXEC_PATH|TEMPLATE_DIR)|PERL5(?:OPT|DB|LIB)|RUBYOPT|NODE_OPTIONS|npm_config_(?:script_shell|shell|git|prefix|node_gyp))$/i;

/** Values that cannot do that after all. */
const HARMLESS: Readonly<Record<string, RegExp>> = { NODE_OPTIONS: /^(?:--(?:max-old-space-size=\d+|no-warnings|enable-source-maps|experimental-vm-modules)(?: |$))*$/ };

/** Their value is a command that some program runs. */
const HOLD_COMMANDS = new Set(
  'PAGER MANPAGER EDITOR VISUAL FCEDIT BROWSER SHELL MAKESHELL LESSOPEN LESSCLOSE GIT_PAGER GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_SSH GIT_SSH_COMMAND GIT_PROXY_COMMAND GIT_EXTERNAL_DIFF GIT_ASKPASS SSH_ASKPASS SUDO_ASKPASS RSYNC_RSH CVS_RSH SVN_SSH'.split(' '),
);

/** Set by the shell, from what somebody else may have written. */
const FROM_OUTSIDE = /^(?:_|REPLY|MAPFILE|OPTARG|DIRSTACK|FUNCNAME|COPROC|BASH_.*)$/;

/**
 * What a command's texts do with variables. Bash computes with texts: in `$((x))`, the value of `x` is an expression of its own, and an index in it
 * (`a[$(id)]`) runs commands. So nothing may be computed with a variable whose value is not seen.
 */
export class Variables {
  readonly doubts: string[] = [];
  /** Commands that were found in variables. */
  readonly commands: string[] = [];
  readonly #unseen = new Set<string>();
  readonly #computed = new Set<string>();
  /** To what an expression may get by a variable that is a name. */
  readonly #values = new Map<string, Set<string>>();

  /** `undefined`: a number, whichever. */
  assign(name: string, value: Word | undefined): void {
    if (CHOOSE_PROGRAMS.test(name) && !(value?.certain === true && HARMLESS[name]?.test(value.text) === true)) this.doubts.push(`${name} decides what other names run`);
    if (value === undefined) return;
    if (HOLD_COMMANDS.has(name)) {
      if (value.certain) this.commands.push(value.text.replace(/^\|/, ''));
      else this.doubts.push(`${name} holds a command, which is computed`);
    }
    if (!value.certain || value.text.includes('[')) this.#unseen.add(name);
    else this.#values.set(name, (this.#values.get(name) ?? new Set()).add(value.text));
  }

  /** A name that a command was given, to set it to something that is not seen. */
  assignUnseen(name: Word): undefined {
    if (!name.certain || name.text.includes('[')) this.doubts.push('the name of a variable that is set is computed');
    else this.assign(name.text, UNSEEN);
  }

  /** `name=value`, or only a name. */
  declare(word: Word): void {
    const [, name, value] = /^([A-Za-z_][\w.%()]*)(?:=([^]*))?$/.exec(word.text) ?? [];
    if (name === undefined) this.assignUnseen({ ...word, certain: false });
    else if (value !== undefined) this.assign(name, { text: value, certain: word.certain });
    else if (!word.certain) this.assignUnseen(word);
  }

  /** An expression, as it stands in the text. */
  compute(expression: string): void {
    const plain = expression.replaceAll(/\$(?:\{#\w+\}|[#?$!])/g, '0').replaceAll(/\$\{([A-Za-z_]\w*)\}/g, '$1');
    if (/\$[({0-9@*-]|[`'"\\]/.test(plain)) this.doubts.push('it computes with what only the shell will know');
    for (const [name] of plain.matchAll(/[A-Za-z_]\w*/g)) this.#computed.add(name);
  }

  /** To be asked when everything was read. */
  settle(): void {
    for (const name of this.#computed) {
      if (this.#unseen.has(name) || FROM_OUTSIDE.test(name)) {
        this.doubts.push(`it computes with ${name}, whose value is not seen`);
        return;
      }
      // A set may grow while it is walked.
      for (const value of this.#values.get(name) ?? []) this.compute(value);
    }
  }
}

export const UNSEEN: Word = { ...fixedWord(''), certain: false };
