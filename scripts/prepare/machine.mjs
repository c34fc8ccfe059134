// What each purpose needs of the machine, in order; each step looks first and does nothing where nothing is missing.
import { join } from 'node:path';
import { SandboxImages } from '../../src/sandbox/images/index.ts';
import { ROOT, say, Stop } from '../node24.mjs';
import { ensureDebianImage } from './debian-image.mjs';
import { ensureEngine } from './engine.mjs';
import { ensureFuzzing } from './fuzzing.mjs';
import { ensureRunsc } from './gvisor.mjs';
import { ensurePackages, isMissing } from './packages.mjs';
import { ensureServiceImage } from './service-image.ts';
import { ensurePromtool } from './promtool.mjs';
import { ensureTestImages } from './test-images.mjs';

const LINE_LENGTH = 90;

/** What tests look with: system calls, certificates of a server that they start, a terminal, a browser, and the shells and programs by which rules are got round. */
const TEST_PROGRAMS = ['strace', 'openssl', 'git', 'python3', 'busybox', 'docker-compose', 'chromium', 'bash', 'dash', 'perl', 'make'];

/** Resolves to the environment for what is started next. */
export async function prepareMachine({ purpose, install }) {
  const env = { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}` };
  if (purpose === 'fuzz') {
    await ensureFuzzing({ install });
    return env;
  }
  const engine = await ensureEngine({ purpose, install });
  if (engine === undefined) {
    if (purpose !== 'demo') throw new Stop(`the ${purpose} need${purpose === 'tests' ? '' : 's'} a Docker engine.`);
    return env;
  }
  if (purpose === 'tests') {
    await ensurePackages(TEST_PROGRAMS.filter(isMissing), { install, why: 'for the tests' });
    await ensureRunsc(engine, { install });
    ensurePromtool({ install });
  }
  await ensureImages(engine.docker, { install });
  if (purpose === 'tests') await ensureTestImages(engine.docker, new SandboxImages(engine.docker), { install });
  if (purpose !== 'demo') await buildService(engine.docker);
  // For whatever does not search as thoroughly by itself.
  return { ...env, DOCKER_HOST: engine.endpoint };
}

async function ensureImages(docker, { install }) {
  const images = new SandboxImages(docker);
  const missing = (await images.list()).filter(({ built, onDemand }) => built === undefined && !onDemand).map(({ name }) => name);
  if (missing.length === 0) return;
  await ensureDebianImage(docker, images, { install });
  say(`building the sandbox images ${missing.join(', ')} (once; about a minute)`);
  await images.build(missing, {
    onProgress: (name, line) => {
      if (line.startsWith('Step ')) say(`  ${name}: ${line.slice(0, LINE_LENGTH)}`);
    },
  });
}

async function buildService(docker) {
  const reference = await ensureServiceImage(docker, (line) => {
    if (line.startsWith('Step ')) say(`  service: ${line.slice(0, LINE_LENGTH)}`);
  });
  say(`the service's image is ${reference}, and glovebox/service:latest`);
}
