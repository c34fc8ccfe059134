import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { newCredentials } from '../../src/broker/index.ts';
import { type Model, randomIds, systemClock } from '../../src/contracts/index.ts';
import { FolderBlobs, SqliteJournal } from '../../src/journal/index.ts';
import { FilePolicies } from '../../src/policy/index.ts';
import { openFileQueue, Runs } from '../../src/runs/index.ts';
import { FolderOwnership, openSandboxes } from '../../src/sandbox/index.ts';
import { GitWorkspaces } from '../../src/workspace/index.ts';
import { calling, type Reply } from '../unit/runs/rig.ts';
import { TESTER } from '../support/principal.ts';

/** Runs over real parts in a folder of their own; another process that names the same folder shares them. Only the model is the test's. */
export function openParts(folder: string) {
  const clock = systemClock;
  const ids = randomIds(clock);
  const journal = new SqliteJournal(join(folder, 'journal.db'));
  const blobs = new FolderBlobs(join(folder, 'blobs'));
  const { sandboxes, isolates } = openSandboxes({ stateDir: folder, ownership: new FolderOwnership(folder), ids, env: process.env });
  const ports = {
    journal,
    sandboxes,
    isolates,
    clock,
    ids,
    blobs,
    workspaces: new GitWorkspaces({ folder: join(folder, 'trees'), blobs, credentials: newCredentials }),
    policies: new FilePolicies([join(folder, 'policies')]),
    ...openFileQueue({ journal, clock, folder: join(folder, 'leases') }),
    principal: TESTER,
  };
  return { ...ports, runsWith: (model: Model) => new Runs({ ...ports, models: { open: () => Promise.resolve(model) } }) };
}

export function writePolicy(folder: string, name: string, commandWall: string, tools = 'shell, edit, apply_patch, submit', more: readonly string[] = []): void {
  const text = [
    `name: ${name}`,
    'sandbox: { image: base, images: ["**"], kinds: [container], hard_limits: true }',
    'limits: { cpu: 2, memory: 256MiB, pids: 64, disk: 128MiB, inodes: 20_000, open_files: 512 }',
    `command: { wall: ${commandWall}, output: 256KiB }`,
    'session: { wall: 5m, idle: 2m }',
    'files: { write: ["/workspace/**"] }',
    `tools: { allow: [${tools}] }`,
    'budget: { usd: 1, tokens: 100_000, steps: 20 }',
    'export: { max_files: 10 }',
    ...more,
  ];
  writeTree(join(folder, 'policies', name), { 'policy.yaml': `${text.join('\n')}\n` });
}

export function writeTree(root: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

export const NODE_REPOSITORY = {
  'package.json': '{ "name": "sum", "type": "module", "scripts": { "test": "node --test" } }\n',
  'sum.js': 'export const sum = (a, b) => a - b;\n',
  'test/sum.test.js':
    "import assert from 'node:assert';\nimport { test } from 'node:test';\nimport { sum } from '../sum.js';\ntest('sums', () => assert.equal(sum(2, 3), 5));\n",
  'AGENTS.md': 'Two spaces.\n',
};

export const FIX = calling('edit', { command: 'str_replace', path: 'sum.js', old_str: 'a - b', new_str: 'a + b' });
export const SUBMIT = calling('submit', { summary: 'it had the wrong sign' });

/** A run whose patch shows an effect that happened twice, or not at all. */
export const EFFECTS: readonly Reply[] = [
  calling('shell', { command: 'echo one >> log.txt' }),
  calling('shell', { command: 'echo two >> log.txt; sleep 1; echo three >> log.txt' }),
  FIX,
  calling('shell', { command: 'mkdir -p deep/er && echo x > deep/er/file && chmod +x deep/er/file && ln -s er deep/link && rm AGENTS.md' }),
  SUBMIT,
];
