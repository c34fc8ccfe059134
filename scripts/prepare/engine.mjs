// Finds a Docker engine that answers, or installs and starts Debian's.
import { userInfo } from 'node:os';
import { findEngine } from '../../src/sandbox/images/index.ts';
import { runInstead, say, Stop } from '../node24.mjs';
import { startDockerd } from './dockerd.mjs';
import { agree, asRoot, ensurePackages, isDebian, isMissing, run } from './packages.mjs';

/** The engine, or undefined where there is none and `process` sandboxes have to do. */
export async function ensureEngine({ purpose, install }) {
  const search = await findEngine();
  if (search.state === 'denied') return refused(search.endpoint);
  if (search.state === 'missing') return bringUp({ install });
  // With an engine, bubblewrap is a second kind of sandbox, and only the tests cannot do without it.
  if (purpose === 'tests') await ensurePackages(missingBubblewrap(), { install, why: 'for the tests on `process` sandboxes' });
  return search;
}

async function bringUp({ install }) {
  if (process.env.DOCKER_HOST) {
    throw new Stop(`DOCKER_HOST is ${process.env.DOCKER_HOST}, and no engine answers there. Start it, or unset DOCKER_HOST.`);
  }
  const fresh = isMissing('dockerd');
  if (fresh && !isDebian()) return goOnWithout(elsewhereMessage());
  if (!fresh && (!install || asRoot([]) === undefined)) {
    return goOnWithout('the Docker engine is installed, but does not run. Start it as root: systemctl start docker (or dockerd).');
  }
  const packages = [fresh && 'docker.io', isMissing('iptables') && 'iptables'].filter(Boolean).concat(missingBubblewrap());
  const ready = await ensurePackages(packages, { install, why: 'because sandboxes need a Docker engine and none answers' });
  if (!ready) return goOnWithout('no Docker engine answers.');
  const engine = await startDockerd();
  if (engine.state === 'found') return engine;
  if (fresh) await joinDockerGroup();
  return refused(engine.endpoint);
}

function missingBubblewrap() {
  return process.platform === 'linux' && isDebian() && isMissing('bwrap') ? ['bubblewrap'] : [];
}

function goOnWithout(reason) {
  if (isMissing('bwrap')) throw new Stop(reason);
  say(`${reason} Going on with \`process\` sandboxes (bubblewrap) alone.`);
  return undefined;
}

/** After an installation of our own the user may not use the engine yet. */
async function joinDockerGroup() {
  const user = userInfo().username;
  say(`about to add ${user} to the group docker, so that glovebox may use the engine (this equals root rights on this machine)`);
  if (await agree('Go on?')) run(asRoot(['usermod', '--append', '--groups', 'docker', user]));
}

/** A membership that is newer than the login is taken up by starting again under it. */
async function refused(endpoint) {
  const user = userInfo().username;
  const isMember = (groups) => groups.trim().split(' ').includes('docker');
  if (process.platform === 'linux' && !isMissing('sg') && isMember(run(['id', '-nG', user])) && !isMember(run(['id', '-nG']))) {
    const again = process.argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    await runInstead('sg', ['docker', '-c', `exec ${again}`]);
    process.exit();
  }
  throw new Stop(
    `a Docker engine listens at ${endpoint}, but this user may not use it. ` +
      `Run: sudo usermod -aG docker ${user} — then log in again. (Or use a rootless engine.)`,
  );
}

function elsewhereMessage() {
  if (process.platform === 'darwin') {
    return 'no Docker engine answers. Install and start Docker Desktop (or colima, OrbStack), then run this again.';
  }
  return (
    'no Docker engine answers, and glovebox can install one only on Debian and Ubuntu. ' +
    "Install Docker with your system's packages, start it, or set DOCKER_HOST, then run this again."
  );
}
