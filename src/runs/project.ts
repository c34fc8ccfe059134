import { z } from 'zod';
import type { TreeId, Workspace } from '../contracts/index.ts';

/** What the files of a repository say about how to work with it. */
export interface Project {
  readonly image: 'node' | 'python' | 'base';
  /** Undefined: nothing that is known. */
  readonly testCommand: string | undefined;
}

const packageJson = z.looseObject({ scripts: z.record(z.string(), z.unknown()).optional() });

/** What `npm init` writes where there are no tests. */
const NO_TESTS = /no test specified/;
const PYTHON_TESTS = /^(?:pytest\.ini|tox\.ini|conftest\.py|tests?\/.*\.py|(?:.*\/)?test_[^/]*\.py|(?:.*\/)?[^/]*_test\.py)$/;
const PYTHON_PROJECT = /^(?:pyproject\.toml|setup\.py|setup\.cfg|requirements[^/]*\.txt|[^/]*\.py)$/;

/** Reads the tree's file names, and of its files only those that say how it is tested. */
export async function describeProject(workspace: Workspace, tree: TreeId, signal?: AbortSignal): Promise<Project> {
  const paths = await workspace.files(tree, signal);
  const has = new Set(paths);
  const text = async (path: string): Promise<string> => (has.has(path) ? ((await workspace.read(tree, path, signal))?.toString('utf8') ?? '') : '');
  const isPython = paths.some((path) => PYTHON_PROJECT.test(path) || PYTHON_TESTS.test(path));
  const image = has.has('package.json') ? 'node' : isPython ? 'python' : 'base';
  return { image, testCommand: testCommand(has, paths, await text('package.json'), await text('Makefile')) };
}

function testCommand(has: ReadonlySet<string>, paths: readonly string[], packageText: string, makefile: string): string | undefined {
  if (hasTestScript(packageText)) return 'npm test';
  if (has.has('pyproject.toml') || paths.some((path) => PYTHON_TESTS.test(path))) return 'python3 -m pytest -q';
  if (has.has('Cargo.toml')) return 'cargo test';
  if (has.has('go.mod')) return 'go test ./...';
  if (/^test\s*:(?!=)/m.test(makefile)) return 'make test';
  return undefined;
}

function hasTestScript(packageText: string): boolean {
  const test = parsePackage(packageText)?.scripts?.['test'];
  return typeof test === 'string' && test.trim() !== '' && !NO_TESTS.test(test);
}

/** Undefined where it is none: the repository may hold anything under that name. */
export function parsePackage(text: string): z.output<typeof packageJson> | undefined {
  try {
    return packageJson.safeParse(JSON.parse(text)).data;
  } catch {
    // Not JSON: it says nothing.
    return undefined;
  }
}
