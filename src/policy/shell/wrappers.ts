import { UNKNOWN_WORD, type Word } from './shell-word.ts';

/** The commands in a program's arguments, and why there may be others. */
export interface Wrapped {
  readonly commands: readonly (readonly Word[])[];
  readonly doubt?: string;
}

interface WrapperOptions {
  /** Letters of options whose value is the next word where it is not attached. */
  readonly valued?: string;
  readonly longValued?: readonly string[];
  /** Words of its own before the command, such as the duration of `timeout`. */
  readonly operands?: number;
  readonly assignments?: boolean;
  /** Options with which it takes a text apart by rules of its own. */
  readonly doubtful?: RegExp;
  /** What it reads becomes more arguments of the command. */
  readonly addsWords?: boolean;
  /** It changes how a program runs, not who it is: a list of allowed programs need not name it. */
  readonly transparent?: boolean;
}

/** A program that runs the command in its arguments. */
class Wrapper {
  readonly transparent: boolean;
  readonly #options: WrapperOptions;

  constructor(options: WrapperOptions) {
    this.transparent = options.transparent ?? false;
    this.#options = options;
  }

  unwrap(args: readonly Word[]): Wrapped {
    const { commands, doubt } = this.#unwrap(args);
    if (this.#options.addsWords !== true || doubt !== undefined) return { commands, ...(doubt === undefined ? {} : { doubt }) };
    return { commands: commands.map((command) => [...command.map(replaced), UNKNOWN_WORD]) };
  }

  #unwrap(args: readonly Word[]): Wrapped {
    let operands = this.#options.operands ?? 0;
    for (let i = 0; i < args.length; i++) {
      const word = args[i];
      if (word?.certain !== true) return { commands: [], doubt: 'the name of a program in it is computed' };
      if (this.#options.doubtful?.test(word.text) === true) return { commands: [], doubt: `${word.text} takes a text apart` };
      if (word.text === '--') return { commands: [args.slice(i + 1 + operands)] };
      if (word.text.length > 1 && word.text.startsWith('-')) i += this.#takesNext(word.text) ? 1 : 0;
      else if (this.#options.assignments === true && word.text.includes('=')) continue;
      else if (operands > 0) operands--;
      else if (word.text !== '-') return { commands: [args.slice(i)] };
    }
    return { commands: [] };
  }

  #takesNext(option: string): boolean {
    if (option.startsWith('--')) return this.#options.longValued?.includes(option) ?? false;
    const valued = this.#options.valued ?? '';
    const at = [...option].findIndex((letter, i) => i > 0 && valued.includes(letter));
    return at === option.length - 1;
  }
}

const transparent = true;

/** By base name. Programs that are not here may run others too (`make`, `npm`, `python`): a name says nothing about what they do. */
export const WRAPPERS: ReadonlyMap<string, Wrapper> = new Map(
  Object.entries({
    env: { valued: 'uC', longValued: ['--unset', '--chdir'], assignments: true, doubtful: /^-[a-zA-Z]*S|^--split-string/, transparent },
    nice: { valued: 'n', longValued: ['--adjustment'], transparent },
    ionice: { valued: 'cn', longValued: ['--class', '--classdata'], transparent },
    nohup: { transparent },
    setsid: { transparent },
    time: { valued: 'fo', longValued: ['--format', '--output'], transparent },
    timeout: { valued: 'ks', longValued: ['--kill-after', '--signal'], operands: 1, transparent },
    stdbuf: { valued: 'ioe', longValued: ['--input', '--output', '--error'], transparent },
    command: { transparent },
    builtin: { transparent },
    exec: { valued: 'a', transparent },
    sudo: { valued: 'ugpCThrtUDR', longValued: ['--user', '--group', '--prompt', '--chdir', '--host'], assignments: true },
    doas: { valued: 'uC' },
    busybox: {},
    toybox: {},
    chroot: { operands: 1 },
    taskset: { operands: 1 },
    chrt: { operands: 1 },
    xargs: { valued: 'nILPdEsa', longValued: ['--max-args', '--max-lines', '--max-procs', '--delimiter', '--arg-file', '--max-chars'], addsWords: true },
    watch: { valued: 'n', longValued: ['--interval'], doubtful: /\s/ },
    parallel: { doubtful: /./ },
    flock: { valued: 'wE', operands: 1, doubtful: /^-c|^--command/ },
  } satisfies Record<string, WrapperOptions>).map(([name, options]) => [name, new Wrapper(options)]),
);

const FIND_EXECUTES = new Set(['-exec', '-execdir', '-ok', '-okdir']);

/** Programs that run a command from the middle of their arguments. */
export function findExecuted(name: string, args: readonly Word[]): Wrapped {
  if (name !== 'find') return { commands: [] };
  const commands: (readonly Word[])[] = [];
  for (let i = 0; i < args.length; i++) {
    if (!FIND_EXECUTES.has(args[i]?.text ?? '')) continue;
    const end = args.findIndex((word, j) => j > i && (word.text === ';' || word.text === '+'));
    commands.push(args.slice(i + 1, end === -1 ? undefined : end).map(replaced));
  }
  return { commands };
}

/** `{}` stands for what was found. */
function replaced(word: Word): Word {
  return word.text.includes('{}') ? { ...word, certain: false } : word;
}
