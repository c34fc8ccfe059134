// Debian packages: asked for in one sentence, installed in one go.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { say, Stop } from '../node24.mjs';

const LAST_LINES = 20;

/** sbin too: a user's PATH lacks it, and dockerd lives there. */
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];

export function findProgram(name) {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function isMissing(program) {
  return findProgram(program) === undefined;
}

export function isDebian() {
  try {
    const release = readFileSync('/etc/os-release', 'utf8');
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && !isMissing('apt-get');
  } catch {
    return false;
  }
}

/** The command with `sudo` before it where this user is not root; undefined where there is no way to become root. */
export function asRoot(command) {
  if (process.getuid?.() === 0) return command;
  return isMissing('sudo') ? undefined : ['sudo', ...command];
}

/** Runs a command and shows its output only when it fails. */
export function run(command, options = {}) {
  const [program, ...args] = command;
  const result = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024, ...options });
  if (result.error || result.status !== 0) {
    const lines = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trimEnd().split('\n').slice(-LAST_LINES);
    throw new Stop(`\`${command.join(' ')}\` failed:\n${lines.map((line) => `  | ${line}`).join('\n')}`);
  }
  return result.stdout;
}

/** Asks where a person can answer; without a terminal the answer is yes, because the sentence before said what happens. */
export async function agree(question) {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = (await terminal.question(`glovebox: ${question} [Y/n] `)).trim().toLowerCase();
    return answer === '' || answer === 'y' || answer === 'yes';
  } finally {
    terminal.close();
  }
}

/**
 * Installs the named packages; false where that is not to be done or the person said no. `install: false` only tells.
 */
export async function ensurePackages(packages, { install, why }) {
  if (packages.length === 0) return true;
  const names = packages.join(' ');
  const command = asRoot(['apt-get', 'install', '-y', '--no-install-recommends', ...packages]);
  if (!isDebian() || command === undefined || !install) {
    say(`${names} would be needed ${why}${isDebian() ? `: sudo apt-get install --no-install-recommends ${names}` : ''}`);
    return false;
  }
  say(`about to install Debian's ${names} ${why}, ${command[0] === 'sudo' ? 'with sudo' : 'as root'}`);
  if (!(await agree('Go on?'))) return false;
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  run(asRoot(['apt-get', 'update']), options);
  run(command, options);
  return true;
}
