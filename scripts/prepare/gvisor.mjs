// Debian's runsc as a Docker runtime, for the tests only: it is too old to be promised to anyone (`glovebox doctor` refuses it).
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { say } from '../node24.mjs';
import { ensurePackages, findProgram, isDebian, isMissing } from './packages.mjs';

const DAEMON_CONFIG = '/etc/docker/daemon.json';
const DAEMON_PID = '/var/run/docker.pid';
const RELOAD_DEADLINE_MS = 10_000;
const POLL_MS = 50;

/** Does what can be done here and says what cannot: the tests report what they did not run. */
export async function ensureRunsc({ docker, endpoint }, { install }) {
  if ('runsc' in (await docker.info()).Runtimes) return;
  const ours = isDebian() && process.getuid?.() === 0 && endpoint === 'unix:///var/run/docker.sock' && existsSync(DAEMON_PID);
  if (!ours || !install) {
    say('this engine has no gVisor runtime (runsc): the tests on it will be reported as not run');
    return;
  }
  const needed = isMissing('runsc') ? ['runsc'] : [];
  if (!(await ensurePackages(needed, { install, why: 'for the tests on gVisor' }))) return;
  say(`registering runsc as a runtime in ${DAEMON_CONFIG}`);
  writeDaemonConfig({ path: findProgram('runsc'), runtimeArgs: ['--platform=ptrace', '--network=none'] });
  // Runtimes are among the settings that dockerd reads again on SIGHUP; running containers are not touched.
  process.kill(Number(readFileSync(DAEMON_PID, 'utf8')), 'SIGHUP');
  await waitForRunsc(docker);
}

function writeDaemonConfig(runsc) {
  const config = existsSync(DAEMON_CONFIG) ? JSON.parse(readFileSync(DAEMON_CONFIG, 'utf8') || '{}') : {};
  config.runtimes = { ...config.runtimes, runsc };
  mkdirSync(dirname(DAEMON_CONFIG), { recursive: true });
  writeFileSync(`${DAEMON_CONFIG}.new`, `${JSON.stringify(config, null, 2)}\n`);
  renameSync(`${DAEMON_CONFIG}.new`, DAEMON_CONFIG);
}

async function waitForRunsc(docker) {
  const deadline = Date.now() + RELOAD_DEADLINE_MS;
  while (Date.now() < deadline) {
    if ('runsc' in (await docker.info()).Runtimes) return;
    await pause(POLL_MS);
  }
  say('the engine did not take the runtime up: restart it to have the tests on gVisor');
}
