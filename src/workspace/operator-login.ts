import type { GitProcess } from './git-process.ts';

export interface Login {
  readonly username: string;
  readonly password: string;
}

const HELPER_MS = 30_000;
/** git's own way to hand things to its children must not lead to a repository. */
const NOT_PASSED = /^GIT_(?!CONFIG_GLOBAL$)/;

/**
 * What the operator's own git would log in with at an https address: asked of the credential helpers of their own configuration, as `git push` in their
 * terminal would, and of nobody else. Undefined where they know nothing; nobody is prompted.
 */
export async function operatorLogin(git: GitProcess, environment: Readonly<Record<string, string | undefined>>, url: string, signal?: AbortSignal): Promise<Login | undefined> {
  if (!url.startsWith('https://')) return undefined;
  const own = Object.fromEntries(Object.entries(environment).filter(([name]) => !NOT_PASSED.test(name)));
  const quiet = { GIT_DIR: undefined, GIT_CONFIG_NOSYSTEM: undefined, GIT_CONFIG_SYSTEM: undefined, GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: 'false', SSH_ASKPASS: 'false' };
  const { code, stdout } = await git.run({
    gitDir: '/nonexistent',
    cwd: '/',
    args: ['credential', 'fill'],
    env: { GIT_CONFIG_GLOBAL: undefined, ...own, ...quiet },
    input: `url=${url}\n\n`,
    // 128: nobody knew, and nobody could be asked.
    accept: [0, 1, 128],
    timeoutMs: HELPER_MS,
    signal,
  });
  const said = new Map(stdout.toString('utf8').split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const [username, password] = [said.get('username'), said.get('password')];
  return code !== 0 || username === undefined || password === undefined ? undefined : { username, password };
}
