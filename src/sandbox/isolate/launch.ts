import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = import.meta.url;
const MAIN = fileURLToPath(new URL(here.endsWith('.ts') ? './child/main.ts' : './child/main.js', here));
/** The checkout or the installed package. */
const ROOT = fileURLToPath(new URL('../../../', here));
/** Where node-gyp-build looks which C library there is. */
const LIBC_MARK = '/etc/alpine-release';
const PAGE = 65_536;
/** Types are taken out by a WebAssembly program of node's own, under the same ceiling. */
const LEAST_PAGES = 1024;

/** What a child is started with: node, and no more of it than it needs. */
export function childArguments(options: { readonly uid: number; readonly memoryBytes: number; readonly outputBytes: number }): string[] {
  const pages = Math.max(LEAST_PAGES, Math.ceil(options.memoryBytes / PAGE));
  return [
    // isolated-vm needs it; https://github.com/laverdet/isolated-vm#requirements
    '--no-node-snapshot',
    // A WebAssembly memory is outside the limit of an isolate.
    `--wasm-max-mem-pages=${pages}`,
    // Whoever gets out of an isolate finds a node without processes, threads or files.
    '--permission',
    '--allow-addons',
    ...readable().map((folder) => `--allow-fs-read=${folder}`),
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
    MAIN,
    String(options.uid),
    String(options.memoryBytes),
    String(options.outputBytes),
  ];
}

/** What it loads, and how it is found. */
function readable(): string[] {
  const isolatedVm = dirname(createRequire(here).resolve('isolated-vm/package.json'));
  const packages = [...foldersOf('isolated-vm', here), ...foldersOf('node-gyp-build', join(isolatedVm, 'package.json'))];
  return [join(dirname(MAIN), '..', '*'), join(ROOT, 'package.json'), ...packages, LIBC_MARK];
}

/** Where a package lies; and the links by which it is found, if there are any (pnpm makes them). */
function foldersOf(name: string, from: string): string[] {
  const require = createRequire(from);
  const links = (require.resolve.paths(name) ?? []).filter((folder) => existsSync(join(folder, name)));
  return [join(dirname(require.resolve(`${name}/package.json`)), '*'), ...links.flatMap((folder) => [folder, join(folder, name, '*')])];
}
