// The package as whoever installs it for its client has it: built, packed by npm, unpacked into a project of its own.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What the client itself needs of other packages. */
const NEEDED = ['openapi-fetch', 'openapi-typescript-helpers'];

export interface Installed extends Disposable {
  /** A project that has the package among its dependencies. */
  readonly folder: string;
  /** What is in the package. */
  readonly files: readonly string[];
}

export function install(): Installed {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'glovebox-installed-')));
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'glovebox'), { recursive: true });
  // What is built before it is packed is the service as well, which takes its time.
  execFileSync('npm', ['run', '--silent', 'build:client'], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--silent', '--ignore-scripts', '--pack-destination', folder], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })) as [{ filename: string; files: { path: string }[] }]; // npm's own
  execFileSync('tar', ['-xzf', join(folder, packed.filename), '-C', join(modules, 'glovebox'), '--strip-components=1']);
  for (const name of NEEDED) cpSync(join(ROOT, 'node_modules', name), join(modules, name), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  return { folder, files: packed.files.map(({ path }) => path), [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The machine's own Node, older than the one that the service needs. */
export function olderNode(): { readonly program: string; readonly major: number } {
  const found = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules')).flatMap((folder) => nodeIn(folder));
  const older = found.find(({ major }) => major >= 20 && major < 24);
  if (older !== undefined) return older;
  throw new Error(`this test needs a Node from 20 to 23 on the PATH, the oldest that the client promises to work with; found: ${found.map(({ major }) => major).join(', ') || 'none'}`);
}

function nodeIn(folder: string): { program: string; major: number }[] {
  const program = join(folder, 'node');
  try {
    return [{ program, major: Number(execFileSync(program, ['-p', 'process.versions.node.split(".")[0]'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) }];
  } catch {
    return [];
  }
}
