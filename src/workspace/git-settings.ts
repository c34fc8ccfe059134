import { delimiter, isAbsolute, sep } from 'node:path';

/**
 * The configuration of every git directory of ours, and so of every git process: all that could run a program is off, all
 * that could change a byte is off.
 */
const SETTINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  core: {
    repositoryFormatVersion: '0',
    bare: 'true',
    hooksPath: '/dev/null',
    fsmonitor: 'false',
    untrackedCache: 'false',
    attributesFile: '/dev/null',
    excludesFile: '/dev/null',
    sshCommand: 'false',
    askPass: 'false',
    editor: 'false',
    pager: 'cat',
    autocrlf: 'false',
    fileMode: 'true',
    symlinks: 'true',
    ignoreCase: 'false',
    precomposeUnicode: 'false',
    // Trees are made here and checked out elsewhere, on macOS or Windows too.
    protectHFS: 'true',
    protectNTFS: 'true',
    logAllRefUpdates: 'false',
    // The store is scratch space near the sandbox: speed before size.
    compression: '1',
    bigFileThreshold: '32m',
  },
  apply: { whitespace: 'nowarn' },
  commit: { gpgSign: 'false' },
  credential: { helper: '' },
  diff: { ignoreSubmodules: 'all' },
  fetch: { recurseSubmodules: 'false', writeCommitGraph: 'false' },
  gc: { auto: '0' },
  maintenance: { auto: 'false' },
  protocol: { allow: 'never' },
  submodule: { recurse: 'false' },
  transfer: { credentialsInUrl: 'die' },
};

/** `info/attributes` wins over every .gitattributes, so bytes go in and out as they are and no filter or driver is ever named. */
export const NEUTRAL_ATTRIBUTES = '* -text -eol -crlf -ident -filter -working-tree-encoding !diff !merge !whitespace\n';

/** The settings as git reads them. */
export function configFile(): string {
  const sections = Object.entries(SETTINGS).map(([section, values]) => {
    const lines = Object.entries(values).map(([key, value]) => `\t${key} = "${value}"\n`);
    return `[${section}]\n${lines.join('')}`;
  });
  return sections.join('');
}

/**
 * Where programs are looked for: what the operator's PATH names absolutely, without package folders. Under `npx` and `npm run`
 * the first entry is the repository's own node_modules/.bin, and a program called git may lie there.
 */
export function trustedPath(path: string | undefined): string {
  const entries = (path ?? '').split(delimiter).filter((entry) => isAbsolute(entry) && !entry.split(sep).includes('node_modules'));
  return entries.length === 0 ? '/usr/local/bin:/usr/bin:/bin' : entries.join(delimiter);
}

/** The whole environment of a git process: nothing of ours is inherited. */
export function sealedEnvironment(path: string): Record<string, string> {
  return {
    PATH: path,
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
  };
}
