// The image of the service, deploy/service.Dockerfile: the package as it is published, and what it depends on, for the engine's architecture.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { BuildContext } from '../../src/sandbox/images/build-context.ts';
import { buildOnEngine, proxyArguments } from '../../src/sandbox/images/engine-build.ts';
import { SandboxImages } from '../../src/sandbox/images/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCKERFILE = 'deploy/service.Dockerfile';
const REPOSITORY = 'glovebox/service';
/** What is in the image as it is here; `src` is compiled first. */
const PARTS = ['package.json', 'bin', 'demo', 'policies', 'sandbox-images', 'scripts/node24.mjs'];
const BUILD_DEADLINE_MS = 15 * 60_000;
const COMMAND_DEADLINE_MS = 5 * 60_000;
/** The engine's name of an architecture, and npm's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'arm64' };

const run = promisify(execFile);

/** The image of these sources; built where the engine has none, which takes about half a minute. `latest` means it then. Errors: `image_build_failed`, and what npm or the compiler says. */
export async function ensureServiceImage(docker: Docker, onLine: (line: string) => void = () => {}): Promise<string> {
  const images = new SandboxImages(docker);
  const [init, base] = [await images.reference('init'), await images.reference('node')];
  const reference = `${REPOSITORY}:${await sourceHash([init, base])}`;
  if (!(await images.has(reference))) {
    await images.build(['init', 'node']);
    await build(docker, { reference, init, base }, onLine);
  }
  await docker.getImage(reference).tag({ repo: REPOSITORY, tag: 'latest' });
  return reference;
}

async function build(docker: Docker, { reference, init, base }: { reference: string; init: string; base: string }, onLine: (line: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'glovebox-service-image-'));
  try {
    const { Arch } = await docker.version();
    await stage(folder, ARCHITECTURES[Arch] ?? Arch);
    const context = await BuildContext.read(folder, join(folder, 'Dockerfile'));
    const buildargs = { ...proxyArguments(), BASE: base, INIT: init, INIT_HASH: init.slice(init.lastIndexOf(':') + 1) };
    const parameters = { t: reference, networkmode: 'host', buildargs, labels: { 'org.opencontainers.image.title': 'glovebox' } };
    await buildOnEngine(docker, { what: reference, parameters, deadlineMs: BUILD_DEADLINE_MS, fill: (pack, signal) => context.fill(pack, signal) }, { onLine });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Packages change seldom and sources often: each has a folder, and so a layer, of its own. */
async function stage(folder: string, cpu: string): Promise<void> {
  const packages = join(folder, 'packages');
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) await cp(join(ROOT, name), join(packages, name));
  const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--os=linux', '--libc=glibc', `--cpu=${cpu}`];
  await run('npm', ['ci', ...options], { cwd: packages, timeout: COMMAND_DEADLINE_MS });
  const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', join(folder, 'app/dist')];
  await run(process.execPath, compiler, { cwd: ROOT, timeout: COMMAND_DEADLINE_MS });
  for (const part of PARTS) await cp(join(ROOT, part), join(folder, 'app', part), { recursive: true });
  await cp(join(ROOT, DOCKERFILE), join(folder, 'Dockerfile'));
}

async function sourceHash(references: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(references.join());
  for (const part of [...PARTS, 'src', 'package-lock.json', DOCKERFILE]) {
    for (const file of await filesOf(join(ROOT, part))) hash.update(`\0${relative(ROOT, file)}\0`).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 12);
}

async function filesOf(path: string): Promise<readonly string[]> {
  if ((await stat(path)).isFile()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).toSorted();
}
