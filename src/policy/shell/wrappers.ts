import { UNKNOWN_WORD, type Word } from './shell-word.ts';

/** The commands in a program's arguments, and why there may be others. */
export interface Wrapped {
  readonly commands: readonly (readonly Word[])[];
  /** What it hands to a shell. */
  readonly texts?: readonly Word[];
  /** Variables that it sets for the command. */
  readonly assignments?: readonly Word[];
  readonly doubt?: string;
}

interface WrapperOptions {
  /** Letters of options whose value is the next word where it is not attached. */
  readonly valued?: string;
  readonly longValued?: readonly string[];
  /** It is one only behind one of these words: `npm exec`. */
  readonly behind?: readonly string[];
  /** Options whose value is a text for a shell. */
  readonly textual?: RegExp;
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
    const at = this.#options.behind === undefined ? 0 : args.findIndex(({ text }) => this.#options.behind?.includes(text)) + 1;
    if (this.#options.behind !== undefined && at === 0) return { commands: [] };
    const { commands, ...rest } = this.#unwrap(args.slice(at));
    if (this.#options.addsWords !== true || rest.doubt !== undefined) return { commands, ...rest };
    return { commands: commands.map((command) => [...command.map(replaced), UNKNOWN_WORD]), ...rest };
  }

  #unwrap(args: readonly Word[]): Wrapped {
    const assignments: Word[] = [];
    const texts: Word[] = [];
    let operands = this.#options.operands ?? 0;
    for (let i = 0; i < args.length; i++) {
      const word = args[i] ?? UNKNOWN_WORD;
      // `env a=$x` says which variable.
      const isSeen = word.certain || (this.#options.assignments === true && /^\w+=/.test(word.text));
      if (!isSeen) return { commands: [], texts, assignments, doubt: 'the name of a program in it is computed' };
      if (this.#options.doubtful?.test(word.text) === true) return { commands: [], texts, assignments, doubt: `${word.text} takes a text apart` };
      const textual = this.#options.textual?.exec(word.text);
      if (textual !== null && textual !== undefined) {
        const value = textual[1] === undefined || textual[1] === '' ? args[++i] : { text: textual[1], certain: word.certain };
        if (value !== undefined) texts.push(value);
        continue;
      }
      if (word.text === '--') return { commands: [args.slice(i + 1 + operands)], texts, assignments };
      if (word.text.length > 1 && word.text.startsWith('-')) i += this.#takesNext(word.text) ? 1 : 0;
      else if (this.#options.assignments === true && word.text.includes('=')) assignments.push(word);
      else if (operands > 0) operands--;
      else if (word.text !== '-') return { commands: [args.slice(i)], texts, assignments };
    }
    return { commands: [], texts, assignments };
  }

  #takesNext(option: string): boolean {
    // A long name may be cut short.
    if (option.startsWith('--')) return this.#options.longValued?.some((name) => name.startsWith(option)) ?? false;
    const valued = this.#options.valued ?? '';
    const at = [...option].findIndex((letter, i) => i > 0 && valued.includes(letter));
    return at === option.length - 1;
  }
}

const transparent = true;
/** Texts for a shell; the group has them where they are joined to the option. */
const COMMAND = /^(?:-[a-zA-Z]*c|--c(?:o(?:m[a-z]*)?)?(?:=|$))(.*)$/s;
const CALL = /^(?:-c|--call=?)(.*)$/s;
const SU = ['--group', '--shell', '--supp-group', '--whitelist-environment'];

/** By base name. Programs that are not here may run others too (`make`, `npm`, `python`): a name says nothing about what they do. */
export const WRAPPERS: ReadonlyMap<string, Wrapper> = new Map(
  Object.entries({
    env: { valued: 'uCa', longValued: ['--unset', '--chdir', '--argv0'], assignments: true, doubtful: /^-[a-zA-Z]*S|^--s/, transparent },
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
    sudo: { valued: 'ugpCThrtUDR', longValued: ['--user', '--group', '--prompt', '--chdir', '--host', '--close-from', '--chroot', '--role', '--type', '--other-user', '--command-timeout'], assignments: true },
    doas: { valued: 'uC' },
    su: { textual: COMMAND, valued: 'gGswT', longValued: SU, operands: 1 },
    runuser: { textual: COMMAND, valued: 'gGuswT', longValued: [...SU, '--user'] },
    pkexec: { longValued: ['--user'] },
    busybox: {},
    toybox: {},
    chroot: { operands: 1, longValued: ['--userspec', '--groups'] },
    taskset: { operands: 1 },
    chrt: { operands: 1, valued: 'TPD', longValued: ['--sched-runtime', '--sched-period', '--sched-deadline'] },
    setpriv: { longValued: 'reuid regid ruid euid rgid egid groups inh-caps ambient-caps bounding-set securebits pdeathsig ptracer selinux-label apparmor-profile landlock-access landlock-rule seccomp-filter'.split(' ').map((name) => `--${name}`) },
    setarch: {},
    i386: {},
    x86_64: {},
    linux32: {},
    linux64: {},
    unshare: { valued: 'SGwRl', longValued: 'setuid setgid root wd propagation setgroups map-user map-users map-group map-groups monotonic boottime load-interp'.split(' ').map((name) => `--${name}`) },
    nsenter: { valued: 'tSG', longValued: ['--target', '--setuid', '--setgid'] },
    fakeroot: { valued: 'lsib' },
    proot: { valued: 'rbwq' },
    firejail: {},
    'xvfb-run': { valued: 'enps' },
    'dbus-run-session': {},
    unbuffer: {},
    rlwrap: {},
    catchsegv: {},
    numactl: { valued: 'mCNip' },
    cpulimit: { valued: 'leiPp' },
    softlimit: { valued: 'acdflmnoprst' },
    chpst: { valued: 'ubUenmdoplftrc' },
    'ssh-agent': { valued: 'atEP' },
    choom: { valued: 'np' },
    prlimit: { valued: 'op', longValued: ['--output', '--pid'] },
    logsave: { operands: 1 },
    npx: { valued: 'p', longValued: ['--package'], textual: CALL },
    npm: { behind: ['exec', 'x'], valued: 'pw', longValued: ['--package', '--workspace'], textual: CALL },
    pnpm: { behind: ['exec', 'dlx'], valued: 'c' },
    pnpx: {},
    yarn: { behind: ['exec', 'dlx', 'run'], valued: 'p' },
    bunx: {},
    uvx: { longValued: ['--from', '--with', '--python'] },
    uv: { behind: ['run', 'x'], longValued: ['--with', '--python', '--project'], valued: 'p' },
    pipx: { behind: ['run'], longValued: ['--spec', '--python'] },
    poetry: { behind: ['run'] },
    pipenv: { behind: ['run'] },
    hatch: { behind: ['run'] },
    conda: { behind: ['run'], valued: 'np' },
    bundle: { behind: ['exec'] },
    pyenv: { behind: ['exec'] },
    rbenv: { behind: ['exec'] },
    asdf: { behind: ['exec'] },
    mise: { behind: ['exec', 'x'] },
    direnv: { behind: ['exec'], operands: 1 },
    perf: { behind: ['stat', 'record', 'trace'], valued: 'eoFCpt' },
    xargs: { valued: 'nILPdEsa', longValued: ['--max-args', '--max-procs', '--delimiter', '--arg-file', '--max-chars', '--process-slot-var'], addsWords: true },
    watch: { valued: 'nqs', longValued: ['--interval', '--equexit', '--shotsdir'], doubtful: /\s/ },
    flock: { valued: 'wE', longValued: ['--timeout', '--wait', '--conflict-exit-code'], operands: 1, textual: COMMAND },
  } satisfies Record<string, WrapperOptions>).map(([name, options]) => [name, new Wrapper(options)]),
);

const FIND_EXECUTES = new Set(['-exec', '-execdir', '-ok', '-okdir']);

/** Programs that run a command from the middle of their arguments. */
export function findExecuted(name: string, args: readonly Word[]): Wrapped {
  if (name === 'fd' || name === 'fdfind') return { commands: foundBy(args, (text) => /^(?:-[xX]|--exec|--exec-batch)$/.test(text)) };
  if (/^ld(?:-linux|-musl|\.so|64\.so|-[\d.]+\.so)/.test(name)) return LOADER.unwrap(args);
  return { commands: name === 'find' ? foundBy(args, (text) => FIND_EXECUTES.has(text)) : [] };
}

/** `ld.so` runs the program that it is given. */
const LOADER = new Wrapper({ longValued: ['--library-path', '--inhibit-rpath', '--audit', '--preload', '--argv0', '--glibc-hwcaps-prepend', '--glibc-hwcaps-mask'] });

function foundBy(args: readonly Word[], executes: (text: string) => boolean): (readonly Word[])[] {
  const commands: (readonly Word[])[] = [];
  for (let i = 0; i < args.length; i++) {
    if (!executes(args[i]?.text ?? '')) continue;
    const end = args.findIndex((word, j) => j > i && (word.text === ';' || word.text === '+'));
    commands.push(args.slice(i + 1, end === -1 ? undefined : end).map(replaced));
  }
  return commands;
}

/** `{}` stands for what was found. */
function replaced(word: Word): Word {
  return word.text.includes('{}') ? { ...word, certain: false } : word;
}
