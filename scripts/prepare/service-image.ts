// The image of the service, deploy/service.Dockerfile: the package as it is published, on what it depends on, for the engine's architecture.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { BuildContext } from '../../src/sandbox/images/build-context.ts';
import { buildOnEngine, proxyArguments } from '../../src/sandbox/images/engine-build.ts';
import { SandboxImages } from '../../src/sandbox/images/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LOCK = ['package.json', 'package-lock.json', '.npmrc'];
/** What is in the image as it is here; `src` is compiled first. */
const PARTS = ['package.json', 'bin', 'demo', 'policies', 'sandbox-images', 'scripts/node24.mjs'];
/** What a build leaves among the sources is none of them: neither the image's name nor its content depends on it. */
const LEFT_BY_BUILDS = /^sandbox-images\/[^/]+\/(?:build|glovebox-init|glovebox-probe)(?:\/|$)/;
const BUILD_DEADLINE_MS = 15 * 60_000;
const COMMAND_DEADLINE_MS = 5 * 60_000;
/** The engine's name of an architecture, and npm's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'arm64' };

const run = promisify(execFile);

interface ImageRecipe {
  readonly repository: string;
  readonly dockerfile: string;
  /** Of these files: others are another image. */
  readonly sources: readonly string[];
  readonly buildargs: Readonly<Record<string, string>>;
  /** Puts into a folder what the Dockerfile copies. */
  readonly stage: (folder: string) => Promise<void>;
}

/** The image of these sources; built where the engine has none, and `latest` means it then. Errors: `image_build_failed`, and what npm or the compiler says. */
export async function ensureServiceImage(docker: Docker, onLine: (line: string) => void = () => {}): Promise<string> {
  const images = new SandboxImages(docker);
  const [base, init] = [await images.reference('node'), await images.reference('init')];
  const { Arch } = await docker.version();
  await images.build(['init', 'node']);
  const packages = await ensure(docker, { repository: 'glovebox/packages', dockerfile: 'deploy/packages.Dockerfile', sources: LOCK, buildargs: { BASE: base }, stage: (folder) => stagePackages(folder, ARCHITECTURES[Arch] ?? Arch) }, onLine);
  const buildargs = { PACKAGES: packages, INIT: init, INIT_HASH: init.slice(init.lastIndexOf(':') + 1) };
  return ensure(docker, { repository: 'glovebox/service', dockerfile: 'deploy/service.Dockerfile', sources: [...PARTS, 'src', 'tsconfig.json', 'tsconfig.build.json'], buildargs, stage: stageApp }, onLine);
}

async function ensure(docker: Docker, recipe: ImageRecipe, onLine: (line: string) => void): Promise<string> {
  const { repository, dockerfile, buildargs, stage } = recipe;
  const reference = `${repository}:${await hashOf(recipe)}`;
  if (!(await new SandboxImages(docker).has(reference))) {
    const folder = await mkdtemp(join(tmpdir(), 'glovebox-image-'));
    try {
      await cp(join(ROOT, dockerfile), join(folder, 'Dockerfile'));
      await stage(folder);
      const context = await BuildContext.read(folder, join(folder, 'Dockerfile'));
      const parameters = { t: reference, networkmode: 'host', buildargs: { ...proxyArguments(), ...buildargs } };
      await buildOnEngine(docker, { what: reference, parameters, deadlineMs: BUILD_DEADLINE_MS, fill: (pack, signal) => context.fill(pack, signal) }, { onLine });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  await docker.getImage(reference).tag({ repo: repository, tag: 'latest' });
  return reference;
}

/** As one file: they are thousands. */
async function stagePackages(folder: string, cpu: string): Promise<void> {
  const packages = join(folder, 'packages');
  await mkdir(packages);
  for (const name of LOCK) await cp(join(ROOT, name), join(packages, name));
  const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--os=linux', '--libc=glibc', `--cpu=${cpu}`];
  await run('npm', ['ci', ...options], { cwd: packages, timeout: COMMAND_DEADLINE_MS });
  await run('tar', ['-cf', join(folder, 'packages.tar'), '-C', packages, 'node_modules'], { timeout: COMMAND_DEADLINE_MS });
  await rm(packages, { recursive: true });
}

async function stageApp(folder: string): Promise<void> {
  const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--noCheck', '--outDir', join(folder, 'app/dist')];
  await run(process.execPath, compiler, { cwd: ROOT, timeout: COMMAND_DEADLINE_MS });
  for (const part of PARTS) await cp(join(ROOT, part), join(folder, 'app', part), { recursive: true, filter: isSource });
}

async function hashOf({ sources, dockerfile, buildargs }: ImageRecipe): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(buildargs));
  for (const source of [...sources, dockerfile]) {
    for (const file of await filesOf(join(ROOT, source))) hash.update(`\0${relative(ROOT, file)}\0`).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 12);
}

async function filesOf(path: string): Promise<readonly string[]> {
  if ((await stat(path)).isFile()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).filter(isSource).toSorted();
}

function isSource(path: string): boolean {
  return !LEFT_BY_BUILDS.test(relative(ROOT, path));
}
