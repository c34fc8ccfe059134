// Finds or fetches what everything else needs: Node 24 and the dependencies. Runs on any Node from 18 up, with nothing installed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const NEEDED_MAJOR = 24;
const PINNED_NODE = join(ROOT, 'node_modules/node/bin/node');
const STAMP = join(ROOT, 'node_modules/.glovebox-stamp');

/** Ends a script with a sentence for a person instead of a stack trace. */
export class Stop extends Error {
  exitCode = 5;
}

/** Progress goes to stderr: stdout belongs to whatever is started at the end. */
export function say(line) {
  process.stderr.write(`glovebox: ${line}\n`);
}

/** The path of a Node that is new enough: this one, or the one among the dependencies. */
export function findNode24() {
  if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) return process.execPath;
  return existsSync(PINNED_NODE) ? PINNED_NODE : undefined;
}

/** Halves the start: what was compiled, and stripped of types, is kept. A folder of our own, because others can write to the temporary one. */
export function keepCompiledCode() {
  module.enableCompileCache?.(join(ROOT, 'node_modules/.cache/compiled'));
}

/** Installs what package-lock.json says, unless that was done already. */
export function ensureDependencies() {
  const stamp = lockStamp();
  if (readText(STAMP) === stamp && existsSync(PINNED_NODE)) return;
  if (!matchesLock()) install();
  writeFileSync(STAMP, stamp);
}

function lockStamp() {
  const lock = readText(join(ROOT, 'package-lock.json'));
  if (lock === undefined) throw new Stop(`${ROOT} has no package-lock.json: the checkout is incomplete.`);
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform} ${process.arch}\n`;
}

/** npm notes in node_modules what it put there: after somebody's own `npm install` there is nothing left to do. */
function matchesLock() {
  const installed = readText(join(ROOT, 'node_modules/.package-lock.json'));
  if (installed === undefined || !existsSync(PINNED_NODE)) return false;
  const present = JSON.parse(installed).packages;
  const wanted = Object.entries(JSON.parse(readText(join(ROOT, 'package-lock.json'))).packages);
  return wanted.every(([path, entry]) => path === '' || (path in present ? present[path].version === entry.version : entry.optional));
}

function install() {
  say('installing the dependencies of package-lock.json with npm (once; about a minute)');
  // Of all install scripts only that of `node` is wanted: it fetches the Node 24 that the rest runs on.
  npm('ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error');
  npm('rebuild', 'node', '--loglevel=error');
  if (!existsSync(PINNED_NODE))
    throw new Stop(
      `npm installed no Node ${NEEDED_MAJOR} for ${process.platform} ${process.arch}. Install it yourself and run this again.`,
    );
}

function npm(...args) {
  const result = spawnSync('npm', args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (result.error) throw new Stop(`npm could not be started (${result.error.message}). Install Node together with npm.`);
  if (result.status !== 0) throw new Stop(`\`npm ${args.join(' ')}\` failed:\n${result.stdout}${result.stderr}`);
}

/** Runs a program in this one's place: its streams, the signals and the exit code are passed through. */
export async function runInstead(program, args, env = process.env) {
  const child = spawn(program, args, { stdio: 'inherit', env });
  const forward = (signal) => child.kill(signal);
  // Ctrl-C on a terminal reaches the child by itself, and twice would mean "at once" to it.
  const interrupt = process.stdin.isTTY ? () => undefined : forward;
  process.on('SIGINT', interrupt).on('SIGTERM', forward).on('SIGHUP', forward);
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject).on('exit', (...end) => resolve(end));
  });
  process.off('SIGINT', interrupt).off('SIGTERM', forward).off('SIGHUP', forward);
  if (signal) process.kill(process.pid, signal);
  process.exitCode = code ?? 1;
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
