// debian:bookworm-slim, which every image of ours starts from: pulled, or where no registry answers, made of Debian packages.
import { spawn, spawnSync } from 'node:child_process';
import { DEBIAN_IMAGE } from '../../src/sandbox/images/index.ts';
import { say, Stop } from '../node24.mjs';
import { asRoot, ensurePackages, isDebian, isMissing } from './packages.mjs';

const BUILD_DEADLINE_MS = 10 * 60_000;
const LAST_LINES = 20;

export async function ensureDebianImage(docker, images, { install }) {
  if (await images.has(DEBIAN_IMAGE)) return;
  say(`pulling ${DEBIAN_IMAGE}`);
  if (await images.pullDebian()) return;
  say(`no registry gave ${DEBIAN_IMAGE}: making it of Debian packages`);
  if (!isDebian())
    throw new Stop(`${DEBIAN_IMAGE} could not be pulled. Check the engine's registry access, or load the image with \`docker load\`.`);
  const needed = isMissing('mmdebstrap') ? ['mmdebstrap'] : [];
  if (!(await ensurePackages(needed, { install, why: `to make ${DEBIAN_IMAGE}` }))) throw new Stop(`${DEBIAN_IMAGE} is missing.`);
  await importDebian(docker);
}

async function importDebian(docker) {
  const { Arch } = await docker.version();
  const options = ['--variant=minbase', `--architectures=${Arch}`, '--mode=auto'];
  const command = asRoot(['mmdebstrap', ...options, 'bookworm', '-', ...aptSources()]);
  if (command === undefined) throw new Stop(`making ${DEBIAN_IMAGE} needs root or sudo.`);
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: BUILD_DEADLINE_MS });
  let log = '';
  child.stderr.on('data', (chunk) => (log += chunk));
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  const [repo, tag] = DEBIAN_IMAGE.split(':');
  // Imported under its name only when it is known to be whole: a cut-off tree must never pass for the image.
  const imported = await docker.importImage(child.stdout, { changes: 'CMD ["bash"]' });
  const answer = await readAll(imported);
  if ((await ended) !== 0)
    throw new Stop(
      `mmdebstrap failed:\n${log
        .trimEnd()
        .split('\n')
        .slice(-LAST_LINES)
        .map((line) => `  | ${line}`)
        .join('\n')}`,
    );
  const id = /sha256:[0-9a-f]{64}/.exec(answer)?.[0];
  if (id === undefined) throw new Stop(`the engine did not import ${DEBIAN_IMAGE}: ${answer}`);
  await docker.getImage(id).tag({ repo, tag });
}

/** Bookworm from wherever this machine's own apt gets Debian; where apt is some other system's, mmdebstrap knows a mirror. */
export function aptSources() {
  const format = '$(REPO_URI)|$(ORIGIN)|$(CODENAME)';
  const result = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], { encoding: 'utf8' });
  const lines = (result.stdout ?? '').split('\n').map((line) => line.split('|'));
  const pick = (pattern) => lines.find(([, origin, codename]) => origin === 'Debian' && pattern.test(codename))?.[0];
  const main = pick(/^[a-z]+$/);
  const security = pick(/-security$/);
  return [...(main ? [`deb ${main} bookworm main`] : []), ...(main && security ? [`deb ${security} bookworm-security main`] : [])];
}

async function readAll(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}
