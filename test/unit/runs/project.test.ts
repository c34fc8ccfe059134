import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { newCredentials } from '../../../src/broker/index.ts';
import type { TreeId } from '../../../src/contracts/index.ts';
import { describeProject } from '../../../src/runs/project.ts';
import { pathsToRestore } from '../../../src/runs/test-files.ts';
import { GitWorkspace } from '../../../src/workspace/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'glovebox-project-'));
const workspace = new GitWorkspace({ storeDir: join(folder, 'trees.git'), credentials: newCredentials });
let trees = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function treeOf(files: Readonly<Record<string, string>>): Promise<TreeId> {
  trees += 1;
  const root = join(folder, `tree-${trees}`);
  for (const [path, text] of Object.entries({ 'README.md': '', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return workspace.capture(root);
}

const PROJECTS: readonly [string, Record<string, string>, string, string | undefined][] = [
  ['a package with a test script', { 'package.json': '{"scripts":{"test":"node --test"}}' }, 'node', 'npm test'],
  ['a package without tests', { 'package.json': '{"scripts":{"test":"echo \\"Error: no test specified\\" && exit 1"}}' }, 'node', undefined],
  ['a package that is no JSON', { 'package.json': '{' }, 'node', undefined],
  ['a Python project', { 'pyproject.toml': '', 'src/a.py': '' }, 'python', 'python3 -m pytest -q'],
  ['Python files with tests beside them', { 'a.py': '', 'test_a.py': '' }, 'python', 'python3 -m pytest -q'],
  ['Python files without tests', { 'a.py': '' }, 'python', undefined],
  ['a Rust project', { 'Cargo.toml': '' }, 'base', 'cargo test'],
  ['a Go module', { 'go.mod': '' }, 'base', 'go test ./...'],
  ['a Makefile with a test rule', { Makefile: 'all:\n\ttrue\ntest: all\n\t./run\n' }, 'base', 'make test'],
  ['a Makefile with a test variable', { Makefile: 'test:=1\n' }, 'base', undefined],
  ['nothing that is known', {}, 'base', undefined],
];

test.for(PROJECTS)('finds the image and the test command of %s', async ([, files, image, testCommand]) => {
  expect(await describeProject(workspace, await treeOf(files))).toEqual({ image, testCommand });
});

const BASE = {
  'package.json': '{"scripts":{"test":"node --test","build":"x"},"dependencies":{"a":"1"}}',
  'pyproject.toml': '[project]\nname = "x"\n[tool.pytest.ini_options]\naddopts = "-q"\n',
  Makefile: 'CC=gcc\nbuild:\n\tcc\ntest: build\n\t./run\n',
  'src/a.js': '1',
  'src/a.test.js': '1',
  'tests/helpers.js': '1',
  'a_test.go': '1',
  'conftest.py': '1',
};

async function restored(changes: Readonly<Record<string, string | undefined>>): Promise<readonly string[]> {
  const base = await treeOf(BASE);
  const files = Object.fromEntries(Object.entries({ ...BASE, ...changes }).filter((pair): pair is [string, string] => pair[1] !== undefined));
  const changed = await treeOf(files);
  return pathsToRestore(workspace, base, changed, await workspace.diff(base, changed));
}

test('tests that were changed or deleted are put back; sources and new tests stay', async () => {
  expect(await restored({ 'src/a.js': '2', 'src/a.test.js': '2', 'tests/helpers.js': undefined, 'a_test.go': '2', 'src/b.test.js': 'new' })).toEqual(['a_test.go', 'src/a.test.js', 'tests/helpers.js']);
});

test('what says how tests run is put back, new or changed', async () => {
  expect(await restored({ 'conftest.py': '2', 'pytest.ini': 'new', 'jest.config.js': 'new', '.npmrc': 'script-shell=/bin/true' })).toEqual(['.npmrc', 'conftest.py', 'jest.config.js', 'pytest.ini']);
});

test('of files that say other things as well, only those whose part on tests changed', async () => {
  expect(await restored({ 'package.json': BASE['package.json'].replace('"a":"1"', '"a":"2"'), Makefile: BASE.Makefile.replace('\tcc', '\tcc -O2'), 'pyproject.toml': BASE['pyproject.toml'].replace('"x"', '"y"') })).toEqual([]);
  expect(await restored({ 'package.json': BASE['package.json'].replace('node --test', 'true') })).toEqual(['package.json']);
  expect(await restored({ 'package.json': BASE['package.json'].replace('"build"', '"pretest":"rm -r test","build"') })).toEqual(['package.json']);
  expect(await restored({ Makefile: BASE.Makefile.replace('./run', 'true') })).toEqual(['Makefile']);
  expect(await restored({ 'pyproject.toml': BASE['pyproject.toml'].replace('-q', '--co') })).toEqual(['pyproject.toml']);
});
