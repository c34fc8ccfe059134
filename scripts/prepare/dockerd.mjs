// Starts an engine that is installed and that nothing runs.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findEngine } from '../../src/sandbox/images/index.ts';
import { say, Stop } from '../node24.mjs';
import { asRoot, findProgram, run } from './packages.mjs';

/** Where the log of an engine that glovebox started is kept, and its process id. */
const STATE_FOLDER = join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'glovebox');
const DAEMON_PID = '/var/run/docker.pid';
const START_DEADLINE_MS = 30_000;
const POLL_MS = 100;
const LAST_LINES = 15;

/** Resolves to an engine that answers, or that refuses this user. */
export async function startDockerd() {
  // The package, or the machine itself, may be starting it at this moment.
  return (isComingUp() && (await waitForEngine())) || start();
}

async function start() {
  const attempt = existsSync('/run/systemd/system') ? startWithSystemd() : startDetached();
  const engine = await waitForEngine(attempt.failed);
  if (engine !== undefined) return engine;
  attempt.giveUp();
  throw new Stop(`dockerd does not answer. ${attempt.log()}`);
}

/** The file outlives a daemon that was killed, so the process is asked for too. */
function isComingUp() {
  return existsSync(DAEMON_PID) && existsSync(`/proc/${readFileSync(DAEMON_PID, 'utf8').trim()}`);
}

function startWithSystemd() {
  const command = asRoot(['systemctl', 'start', 'docker']);
  say(`starting the Docker engine: ${command.join(' ')}`);
  run(command);
  return { failed: () => false, giveUp: () => undefined, log: () => 'See: journalctl -u docker' };
}

function startDetached() {
  const dockerd = findProgram('dockerd');
  const isRoot = process.getuid() === 0;
  // sudo asks for its password before it goes to the background; a session of its own keeps dockerd from the terminal's signals.
  const [program, ...args] = isRoot ? [dockerd] : ['sudo', '-b', 'setsid', dockerd];
  mkdirSync(STATE_FOLDER, { recursive: true });
  const logPath = join(STATE_FOLDER, 'dockerd.log');
  const log = openSync(logPath, 'w');
  const child = spawn(program, args, { detached: isRoot, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  if (isRoot) writeFileSync(join(STATE_FOLDER, 'dockerd.pid'), `${child.pid}\n`);
  say(`starting dockerd, because nothing here does (it goes on running; log: ${logPath})`);
  return { failed: () => child.exitCode > 0, giveUp: () => child.kill(), log: () => lastLines(logPath) };
}

/** Undefined when the start failed or the deadline passed. */
async function waitForEngine(failed = () => false) {
  const deadline = Date.now() + START_DEADLINE_MS;
  while (Date.now() < deadline) {
    const search = await findEngine();
    if (search.state !== 'missing') return search;
    if (failed()) return undefined;
    await pause(POLL_MS);
  }
  return undefined;
}

function lastLines(path) {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const telling = lines.filter((line) => !line.includes('level=info')).slice(-LAST_LINES);
  return `The last lines of ${path}:\n${telling.map((line) => `  | ${line}`).join('\n')}`;
}
