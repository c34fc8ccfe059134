import { changesMeaning, doubtfulScript } from './shell-arguments.ts';
import type { Word } from './shell-word.ts';
import { UNSEEN, type Variables } from './variables.ts';

/** What a shell does by itself, without a program. */
export const SHELL_BUILTINS: ReadonlySet<string> = new Set(
  (
    '. : [ [[ alias bg bind break builtin caller cd command compgen complete compopt continue coproc declare dirs disown echo enable eval exec exit export ' +
    'false fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return set shift shopt ' +
    'source suspend test times trap true type typeset ulimit umask unalias unset wait'
  ).split(' '),
);

/** These change what later words mean, or run a text of their own. */
const CHANGE_MEANING = new Set(['alias', 'bind', 'compgen', 'complete', 'enable', 'fc', 'hash']);
/** Options of `read` and `mapfile` with a value. */
const VALUED: Readonly<Record<string, string>> = { read: 'adinNptu', mapfile: 'dnOsuCc', readarray: 'dnOsuCc' };

type Doubt = string | undefined;
type Reader = (args: readonly Word[], variables: Variables, name: string) => Doubt;

const script: Reader = (args) => args.map(doubtfulScript).find((doubt) => doubt !== undefined);
const lines: Reader = (args, variables, name) => {
  readNames(name, args, variables);
  return args.some(({ text, certain }) => !certain || /^-[a-zA-Z]*C/.test(text)) ? `${name} may run what is computed` : undefined;
};
const tests: Reader = (args, _, name) => (args.some(({ text }) => text === '-v') && args.some(hasIndex) ? `${name} computes with an index` : undefined);

const READERS: ReadonlyMap<string, Reader> = new Map(
  Object.entries({
    '.': script,
    source: script,
    set: (args) => (args.some(changesMeaning) ? 'set changes what later words mean' : undefined),
    mapfile: lines,
    readarray: lines,
    read: (args, variables) => readNames('read', args, variables),
    getopts: ([, name], variables) => variables.assignUnseen(name ?? UNSEEN),
    printf: (args, variables) => setsName(args, 'v', variables),
    wait: (args, variables) => setsName(args, 'p', variables),
    jobs: (args) => (args.some(({ text, certain }) => !certain || text.startsWith('-x')) ? 'jobs may run a command' : undefined),
    let: (args, variables) => {
      for (const { text } of args) variables.compute(text);
      return args.every(({ certain }) => certain) ? undefined : 'it computes with what only the shell will know';
    },
    declare: declares,
    export: declares,
    local: declares,
    readonly: declares,
    typeset: declares,
    '[': tests,
    test: tests,
    unset: (args) => (args.some(hasIndex) ? 'unset computes with an index' : undefined),
  } satisfies Record<string, Reader>),
);

/** Why a builtin may run what is not seen; what it does to variables is noted there. */
export function doubtOfBuiltin(name: string, args: readonly Word[], variables: Variables): Doubt {
  return CHANGE_MEANING.has(name) ? `${name} changes what later words mean` : READERS.get(name)?.(args, variables, name);
}

function hasIndex({ text, certain }: Word): boolean {
  return (!certain || text.includes('[')) && text !== '[';
}

function readNames(name: string, args: readonly Word[], variables: Variables): undefined {
  const valued = VALUED[name] ?? '';
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? UNSEEN;
    if (!word.certain || !word.text.startsWith('-')) {
      variables.assignUnseen(word);
      continue;
    }
    const at = [...word.text].findIndex((letter, j) => j > 0 && valued.includes(letter));
    if (at === -1) continue;
    const value = at === word.text.length - 1 ? args[++i] : { text: word.text.slice(at + 1), certain: true };
    // `-a name` is the one whose value is a variable.
    if (word.text[at] === 'a') variables.assignUnseen(value ?? UNSEEN);
  }
}

/** `printf -v name`: a first word that is computed may be that, where there is nothing in it that no name has. */
function setsName(args: readonly Word[], letter: string, variables: Variables): Doubt {
  for (const [i, { text, certain }] of args.entries()) {
    if (!certain && letter === 'v' && /^[-\w]*$/.test(text)) return 'the name of a variable that is set may be computed';
    if (!text.startsWith('-')) return undefined;
    if (text.startsWith(`-${letter}`)) variables.assignUnseen(text.length > 2 ? { text: text.slice(2), certain } : (args[i + 1] ?? UNSEEN));
  }
  return undefined;
}

function declares(args: readonly Word[], variables: Variables): Doubt {
  const options = args.filter(({ text }) => /^[-+]/.test(text));
  for (const word of args) {
    if (options.includes(word)) continue;
    if (word.assigns !== true) variables.declare(word);
    // A number from now on: what is given to it is computed.
    if (options.some(({ text }) => text.includes('i'))) variables.compute(word.text.replace('=', ' '));
  }
  if (args.some(({ text }) => /^\w+=\(.*[$`]/s.test(text))) return 'a list is expanded once more';
  return options.some(({ text, certain }) => !certain || text.includes('n')) ? 'a name stands for another variable' : undefined;
}
