// Finds a Docker engine that answers, or brings Debian's up.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findEngine } from '../../src/sandbox/images/index.ts';
import { runInstead, say, Stop } from '../node24.mjs';
import { asRoot, ensurePackages, findProgram, isDebian, isMissing, run } from './packages.mjs';

const DAEMON_PID = '/var/run/docker.pid';
const START_DEADLINE_MS = 30_000;
const POLL_MS = 100;
const LAST_LINES = 15;

/** Where the log of an engine that glovebox started is kept, and its process id. */
const STATE_FOLDER = join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'glovebox');

/** The engine, or undefined where there is none and `process` sandboxes have to do. */
export async function ensureEngine({ purpose, install }) {
  const search = await findEngine();
  if (search.state === 'denied') throw new Stop(deniedMessage(search.endpoint));
  if (search.state === 'found') {
    // With an engine, bubblewrap is a second kind of sandbox, and only the tests cannot do without it.
    if (purpose === 'tests') await ensurePackages(missingBubblewrap(), { install, why: 'for the tests on `process` sandboxes' });
    return search;
  }
  if (process.env.DOCKER_HOST)
    throw new Stop(`DOCKER_HOST is ${process.env.DOCKER_HOST}, and no engine answers there. Start it, or unset DOCKER_HOST.`);
  const fresh = isMissing('dockerd');
  if (fresh && !isDebian()) return goOnWithout(elsewhereMessage());
  const packages = [fresh && 'docker.io', isMissing('iptables') && 'iptables'].filter(Boolean).concat(missingBubblewrap());
  if (!fresh && !install) return goOnWithout(`the Docker engine is installed, but does not run. Start it as root: ${startCommand().join(' ')}`);
  const ready = await ensurePackages(packages, { install, why: 'because sandboxes need a Docker engine and none answers' });
  return ready ? startEngine(fresh) : goOnWithout('no Docker engine answers.');
}

function missingBubblewrap() {
  return process.platform === 'linux' && isMissing('bwrap') ? ['bubblewrap'] : [];
}

function goOnWithout(reason) {
  if (isMissing('bwrap')) throw new Stop(reason);
  say(`${reason} Going on with \`process\` sandboxes (bubblewrap) alone.`);
  return undefined;
}

async function startEngine(fresh) {
  // The package may have started it.
  const running = existsSync(DAEMON_PID) ? await waitForEngine(START_DEADLINE_MS) : undefined;
  if (running?.state === 'found') return running;
  const attempt = hasSystemd() ? startWithSystemd() : startDetached();
  const engine = await waitForEngine(START_DEADLINE_MS, attempt);
  if (engine === undefined) {
    attempt.giveUp();
    throw new Stop(`dockerd does not answer. ${attempt.log()}`);
  }
  if (engine.state === 'found') return engine;
  if (fresh) await joinDockerGroup();
  throw new Stop(deniedMessage(engine.endpoint));
}

function startWithSystemd() {
  const command = asRoot(startCommand());
  say(`starting the Docker engine: ${command.join(' ')}`);
  run(command);
  return { failed: () => false, giveUp: () => undefined, log: () => 'See: journalctl -u docker' };
}

function startDetached() {
  const isRoot = process.getuid() === 0;
  // sudo asks for its password before it goes to the background; a session of its own keeps dockerd from the terminal's signals.
  const command = isRoot ? [findProgram('dockerd')] : ['sudo', '-b', 'setsid', findProgram('dockerd')];
  if (!isRoot && isMissing('sudo')) throw new Stop('the Docker engine is installed but does not run. Start it as root: dockerd');
  mkdirSync(STATE_FOLDER, { recursive: true });
  const logPath = join(STATE_FOLDER, 'dockerd.log');
  const log = openSync(logPath, 'w');
  const [program, ...args] = command;
  const child = spawn(program, args, { detached: isRoot, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  if (isRoot) writeFileSync(join(STATE_FOLDER, 'dockerd.pid'), `${child.pid}\n`);
  say(`starting dockerd, because nothing here does (it goes on running; log: ${logPath})`);
  return { failed: () => child.exitCode > 0, giveUp: () => child.kill(), log: () => lastLines(logPath) };
}

/** An engine that answers or refuses this user; undefined when it ended or the deadline passed. */
async function waitForEngine(deadlineMs, attempt) {
  const deadline = Date.now() + deadlineMs;
  while (Date.now() < deadline) {
    const search = await findEngine();
    if (search.state !== 'missing') return search;
    if (attempt?.failed()) return undefined;
    await pause(POLL_MS);
  }
  return undefined;
}

/** After an installation of our own the user may not use the engine yet: membership is taken up without a new login. */
async function joinDockerGroup() {
  const user = userInfo().username;
  const command = asRoot(['usermod', '--append', '--groups', 'docker', user]);
  if (command === undefined || isMissing('sg')) return;
  say(`adding ${user} to the group docker, so that glovebox may use the engine (this equals root rights on this machine)`);
  run(command);
  const again = process.argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  await runInstead('sg', ['docker', '-c', again]);
  process.exit();
}

function deniedMessage(endpoint) {
  return `a Docker engine listens at ${endpoint}, but this user may not use it. Run: sudo usermod -aG docker ${userInfo().username} — then log in again. (Or use a rootless engine.)`;
}

function elsewhereMessage() {
  if (process.platform === 'darwin')
    return 'no Docker engine answers. Install and start Docker Desktop (or colima, OrbStack), then run this again.';
  return "no Docker engine answers, and glovebox can install one only on Debian and Ubuntu. Install Docker with your system's packages, start it, or set DOCKER_HOST, then run this again.";
}

function lastLines(path) {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const telling = lines.filter((line) => !line.includes('level=info')).slice(-LAST_LINES);
  return `The last lines of ${path}:\n${telling.map((line) => `  | ${line}`).join('\n')}`;
}
