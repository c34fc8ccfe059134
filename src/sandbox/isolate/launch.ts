import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = import.meta.url;
const PROGRAM = fileURLToPath(new URL('./', here));
const MAIN = here.endsWith('.ts') ? 'child/main.ts' : 'child/main.js';
/** The checkout or the installed package. */
const ROOT = fileURLToPath(new URL('../../../', here));
/** Where node-gyp-build looks which C library there is. */
const LIBC_MARK = '/etc/alpine-release';
const PAGE = 65_536;
/** Types are taken out by a WebAssembly program of node's own, under the same ceiling. */
const LEAST_PAGES = 1024;

/** The program of a child where it lies. */
export interface ChildProgram {
  readonly main: string;
  /** What it loads, and how it is found, as node's permission model wants it. */
  readonly readable: readonly string[];
}

/** Files and folders that a child is made of, by where they are to lie beside each other. */
export interface ChildPart {
  readonly from: string;
  readonly to: string;
}

/** What a child is started with: node, and no more of it than it needs. */
export function childArguments(program: ChildProgram, options: { readonly uid: number; readonly memoryBytes: number; readonly outputBytes: number }): string[] {
  const pages = Math.max(LEAST_PAGES, Math.ceil(options.memoryBytes / PAGE));
  return [
    // isolated-vm needs it; https://github.com/laverdet/isolated-vm#requirements
    '--no-node-snapshot',
    // A WebAssembly memory is outside the limit of an isolate.
    `--wasm-max-mem-pages=${pages}`,
    // Whoever gets out of an isolate finds a node without processes, threads or files.
    '--permission',
    '--allow-addons',
    ...[...program.readable, LIBC_MARK].map((path) => `--allow-fs-read=${path}`),
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
    program.main,
    String(options.uid),
    String(options.memoryBytes),
    String(options.outputBytes),
  ];
}

/** As it is installed on this host. */
export function installedProgram(): ChildProgram {
  const packages = [...foldersOf('isolated-vm', here), ...foldersOf('node-gyp-build', isolatedVm())];
  return { main: join(PROGRAM, MAIN), readable: [join(PROGRAM, '*'), join(ROOT, 'package.json'), ...packages] };
}

/** As it lies in a folder that its parts were copied to. */
export function copiedProgram(folder: string): ChildProgram {
  return { main: join(folder, 'isolate', MAIN), readable: [join(folder, '*')] };
}

/** What has to be copied so that it runs elsewhere, under the same node. */
export function childParts(): readonly ChildPart[] {
  return [
    { from: PROGRAM, to: 'isolate' },
    { from: join(ROOT, 'package.json'), to: 'package.json' },
    { from: dirname(isolatedVm()), to: 'node_modules/isolated-vm' },
    { from: dirname(createRequire(isolatedVm()).resolve('node-gyp-build/package.json')), to: 'node_modules/node-gyp-build' },
  ];
}

function isolatedVm(): string {
  return createRequire(here).resolve('isolated-vm/package.json');
}

/** Where a package lies; and the links by which it is found, if there are any (pnpm makes them). */
function foldersOf(name: string, from: string): string[] {
  const require = createRequire(from);
  const links = (require.resolve.paths(name) ?? []).filter((folder) => existsSync(join(folder, name)));
  return [join(dirname(require.resolve(`${name}/package.json`)), '*'), ...links.flatMap((folder) => [folder, join(folder, name, '*')])];
}
