import type { Patch, TreeId, Workspace } from '../contracts/index.ts';
import { parsePackage } from './project.ts';

/** Files that are tests by the customs of the languages there are. */
const TESTS = [
  /(?:^|\/)(?:tests?|__tests__|__snapshots__|specs?|testdata|fixtures|e2e|cypress)\//i,
  /(?:^|\/)test[-_.][^/]*$/i,
  /(?:^|\/)tests?\.[^/.]+$/i,
  /(?:^|\/)[^/]*[-_.](?:tests?|specs?|cy)\.[^/.]+$/i,
  /(?:^|\/)[^/]*Tests?\.(?:java|kt|scala|cs|php|swift|groovy)$/,
];

/** Files that say which tests run and how: changed or new ones could leave tests out. */
const TEST_SETTINGS = [
  /(?:^|\/)(?:conftest\.py|pytest\.ini|\.pytest\.ini|tox\.ini|noxfile\.py|sitecustomize\.py|usercustomize\.py|\.coveragerc)$/,
  /(?:^|\/)(?:jest|vitest|karma|playwright|cypress|ava|wdio|babel)(?:\.[^/]+)?\.config\.[^/]+$/,
  /(?:^|\/)(?:jest\.setup|vitest\.setup|setupTests|vitest\.workspace|babel\.config)\.[^/]+$/,
  /(?:^|\/)\.(?:mocharc|taprc|nycrc|c8rc|npmrc|yarnrc)(?:\.[^/]+)?$/,
];

/** Files in which a part says how tests run. */
const MIXED = /(?:^|\/)(?:package\.json|pyproject\.toml|setup\.cfg|Makefile|Cargo\.toml)$/;

/**
 * Which paths of a patch are put back as they were before the tests judge it: tests that were there, whatever says how tests are run.
 * Tests that the patch adds stay. It works by names, so it can be evaded and it can be wrong: what was put back is said.
 */
export async function pathsToRestore(workspace: Workspace, base: TreeId, changed: TreeId, patch: Patch, signal?: AbortSignal): Promise<readonly string[]> {
  const before = new Set(await workspace.files(base, signal));
  const paths: string[] = [];
  for (const { path } of patch.files) {
    const isOldTest = before.has(path) && TESTS.some((pattern) => pattern.test(path));
    if (isOldTest || TEST_SETTINGS.some((pattern) => pattern.test(path)) || (await runsTestsOtherwise(workspace, base, changed, path, signal))) paths.push(path);
  }
  return paths;
}

/** Whether the part of the file that says how tests run is another one. */
async function runsTestsOtherwise(workspace: Workspace, base: TreeId, changed: TreeId, path: string, signal?: AbortSignal): Promise<boolean> {
  if (!MIXED.test(path)) return false;
  const before = testPart(path, await workspace.read(base, path, signal));
  return before !== testPart(path, await workspace.read(changed, path, signal));
}

function testPart(path: string, bytes: Buffer | undefined): string {
  const text = bytes?.toString('utf8') ?? '';
  if (path.endsWith('package.json')) return packageTestPart(text);
  if (path.endsWith('Makefile')) return makefileTestPart(text);
  return sections(text, /^\[+(?:tool[.:])?(?:pytest|coverage|tox|nose|unittest|test|profile\.test)/).join('\n');
}

function packageTestPart(text: string): string {
  const parsed = parsePackage(text);
  const { scripts = {}, jest, vitest, mocha, ava, nyc, c8, type } = parsed ?? {};
  // Lifecycle scripts around `test`, and those that it may call.
  const told = Object.entries(scripts).filter(([name]) => /test|spec|^pre|^post/.test(name));
  return JSON.stringify([told, jest, vitest, mocha, ava, nyc, c8, type]);
}

/** Rules for targets that are about tests, and variables, which such rules may use. */
function makefileTestPart(text: string): string {
  const lines = text.split('\n');
  let isTold = true;
  return lines
    .filter((line) => {
      if (!line.startsWith('\t')) isTold = !/^[\w./-]+\s*:(?!=)/.test(line) || /test|check|\.PHONY|SHELL/i.test(line);
      return isTold && line.trim() !== '';
    })
    .join('\n');
}

/** Sections of a TOML or INI file whose heads fit. */
function sections(text: string, head: RegExp): readonly string[] {
  return text.split(/^(?=\[)/m).filter((section) => head.test(section));
}
