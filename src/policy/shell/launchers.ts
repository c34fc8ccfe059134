import { SHELLS } from './dialects.ts';
import { baseName, type Word } from './shell-word.ts';

/**
 * What programs take in their arguments and run: code in a language of their own, or a command. It is not read: there is no end to these languages, and
 * whoever may run `python3 file` may run anything. But what it names is told, so that a person can look where that is a program of a rule.
 */
export interface Launcher {
  /** Each match against the arguments, every one of them behind a NUL, has the code as its group. */
  readonly code?: RegExp;
  /** Without any of this, it runs a file, or what it is given as input. */
  readonly interprets?: true;
}

/** An option's value: the next word, what stands behind `=`, or what is joined to a letter. Long names may be cut short. */
const option = (names: string): RegExp => new RegExp(`\\0(?:${names.split('|').map(shortened).join('|')})(?:\\0|=|(?=[^\\0=-]))([^\\0]*)`, 'g');
const shortened = (name: string): string => {
  const [, start, rest = ''] = /^(--[a-z]{2})([a-z-]+)$/.exec(name) ?? [];
  return start === undefined ? name : start + [...rest].reduceRight((tail, letter) => `(?:${letter}${tail})?`, '');
};
const ALL = /^([^]*)$/g;

const python: Launcher = { code: /\0-[bBdEhiIOqsSuvVWxX]*c\0?([^\0]*)/g, interprets: true };
const perl: Launcher = { code: /\0-[\w.]*[eE]\0?([^\0]*)/g, interprets: true };
const node: Launcher = { code: option('-[pe]+|--eval|--print|--import|--require|-r|eval'), interprets: true };
const awk: Launcher = { code: ALL };
const vi: Launcher = { code: /\0(?:\+|-c\0?|-S\0?|-s\0?|--cmd(?:\0|=))([^\0]*)/g, interprets: true };
const git: Launcher = {
  code: new RegExp(
    `${option('-c|--config-env|--exec-path|--upload-pack|--receive-pack|--exec|--extcmd|-x|-O|--open-files-in-pager|--template|--[a-z-]+-filter').source}|\\0(?:bisect\\0run|submodule\\0foreach|config|alias|filter-branch)\\0([^]*)|\\0(ext::[^\\0]*)`,
    'g',
  ),
};

/** How code says that it runs something, in one language or another. */
const RUNS = /system|exec|eval|spawn|popen|getline|run\b|call\b|`|\bsh\b|^s(.).*\1\w*e\w*$|^[^/]*\be\s*$/s;

/** By base name, without a version at its end. */
const LAUNCHERS: ReadonlyMap<string, Launcher> = new Map(
  Object.entries<Launcher>({
    python,
    pypy: python,
    ipython: python,
    perl,
    ruby: perl,
    node,
    nodejs: node,
    bun: node,
    deno: node,
    php: { code: option('-r|-B|-R|-E'), interprets: true },
    lua: { code: option('-e'), interprets: true },
    luajit: { code: option('-e'), interprets: true },
    Rscript: { code: option('-e'), interprets: true },
    R: { code: option('-e'), interprets: true },
    julia: { code: option('-[eE]|--eval|--print'), interprets: true },
    osascript: { code: option('-e'), interprets: true },
    guile: { code: option('-c'), interprets: true },
    tclsh: { interprets: true },
    expect: { code: option('-c'), interprets: true },
    irb: { interprets: true },
    ghci: { code: option('-e'), interprets: true },
    emacs: { code: option('-?-eval|-?-execute|-?-load|-l'), interprets: true },
    awk,
    gawk: awk,
    mawk: awk,
    nawk: awk,
    rg: { code: option('--pre|--hostname-bin') },
    sed: { code: /\0(?:-[a-zA-Z]*e|--expression=)?\0?((?:[^\0]*[;{}\n\d$!/])?\s*e\b[^\0]*|s(.)[^\0]*\2[a-zA-Z\d]*e[a-zA-Z\d]*)(?=\0|$)/g },
    ed: { interprets: true },
    ex: vi,
    vi,
    vim: vi,
    vimdiff: vi,
    view: vi,
    rvim: vi,
    nvim: vi,
    nano: { code: option('-s|--speller') },
    less: { code: /\0(?:\+|-p)([^\0]*)/g },
    more: { code: /\0\+([^\0]*)/g },
    man: { code: option('-P|--pager|-H|--html') },
    git,
    hg: { code: option('--config') },
    svn: { code: option('--diff-cmd|--config-option|--editor-cmd') },
    tar: { code: option('--checkpoint-action|--to-command|-I|--use-compress-program|-F|--info-script|--new-volume-script|--rsh-command') },
    bsdtar: { code: option('--use-compress-program') },
    cpio: { code: option('--rsh-command') },
    zip: { code: option('-TT|--unzip-command') },
    sort: { code: option('--compress-program') },
    split: { code: option('--filter') },
    rsync: { code: option('-[a-zA-Z]*e|--rsh|--rsync-path') },
    scp: { code: option('-[SoD]') },
    sftp: { code: option('-[SoD]') },
    ssh: { code: ALL },
    mosh: { code: ALL },
    make: { code: option('SHELL|\\.SHELLFLAGS|MAKESHELL|--eval|-E'), interprets: true },
    gmake: { code: option('SHELL|\\.SHELLFLAGS|MAKESHELL|--eval|-E'), interprets: true },
    cmake: { code: option('-E|-P') },
    gcc: { code: option('-wrapper') },
    cc: { code: option('-wrapper') },
    go: { code: option('-exec|--exec|-toolexec|--toolexec|-vettool') },
    cargo: { code: option('--config') },
    npm: { code: option('--script-shell|--node-options|--prefix|-c|--call') },
    pip: { code: option('--global-option|--install-option|--config-settings') },
    gdb: { code: option('-ex|--ex|-iex|-eval-command|--eval-command|-x|--command'), interprets: true },
    lldb: { code: option('-o|-O|--one-line|--source'), interprets: true },
    strace: { code: ALL },
    ltrace: { code: ALL },
    valgrind: { code: ALL },
    sqlite: { code: ALL, interprets: true },
    psql: { code: option('-c|--command'), interprets: true },
    mysql: { code: option('-e|--execute|--pager'), interprets: true },
    socat: { code: ALL },
    nc: { code: option('-[ec]|--exec|--sh-exec|--lua-exec') },
    ncat: { code: option('-[ec]|--exec|--sh-exec|--lua-exec') },
    netcat: { code: option('-[ec]|--exec') },
    openssl: { code: option('-engine') },
    wget: { code: option('--use-askpass|-e|--execute|--post-file') },
    aria2c: { code: option('--on-[a-z-]+') },
    tcpdump: { code: option('-z') },
    openvpn: { code: option('--(?:up|down|route-up|tls-verify)') },
    logrotate: { interprets: true },
    apt: { code: option('-o|--option') },
    'apt-get': { code: option('-o|--option') },
    dpkg: { code: option('--pre-invoke|--post-invoke') },
    tmux: { code: ALL },
    screen: { code: ALL },
    script: { code: option('-c|--command') },
    hyperfine: { code: ALL },
    entr: { code: ALL },
    parallel: { code: ALL },
    m4: { interprets: true },
    dc: { code: option('-e|--expression'), interprets: true },
    gnuplot: { code: option('-e'), interprets: true },
    crontab: { interprets: true },
    at: { interprets: true },
    batch: { interprets: true },
    capsh: { code: ALL },
    'systemd-run': { code: ALL },
    'start-stop-daemon': { code: ALL },
    docker: { code: ALL },
    podman: { code: ALL },
    kubectl: { code: ALL },
    jrunscript: { code: option('-e'), interprets: true },
    busctl: { code: ALL },
  }),
);

/** It can run any program that somebody thinks of, by a name that nobody sees: a rule against another program does not hold it. */
export function isLauncher(program: string): boolean {
  return launcherOf(program) !== undefined || Object.hasOwn(SHELLS, baseName(program));
}

/** Texts in which a program may be named that this one runs, and words one of which may be a file with such a text: the empty one is its input. */
export function launchedBy(program: string, args: readonly Word[]): { readonly code: readonly string[]; readonly files?: readonly string[] } {
  const launcher = launcherOf(program);
  if (launcher === undefined) return { code: [] };
  const joined = args.map(({ text }) => `\0${text}`).join('');
  const code = launcher.code === undefined ? [] : [...joined.matchAll(launcher.code)].map((match) => match.slice(1).find((group) => group !== undefined) ?? '');
  // What such code is fed may be what it runs.
  if (code.some((text) => RUNS.test(text))) return { code, files: [''] };
  if (launcher.interprets !== true || code.length > 0) return { code };
  const files = args.flatMap(({ text }) => (/^-./.test(text) ? [] : [text]));
  return { code, files: files.length === 0 || files.includes('-') ? [''] : files };
}

function launcherOf(program: string): Launcher | undefined {
  const name = baseName(program);
  return LAUNCHERS.get(name) ?? LAUNCHERS.get(name.replace(/[\d.-]+$/, ''));
}
