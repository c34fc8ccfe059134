import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { Decision, RunSummary } from '../../src/contracts/index.ts';
import { calling, ScriptedModel } from '../unit/runs/rig.ts';
import { FIX, NODE_REPOSITORY, openParts, SUBMIT, writeTree } from './runs.parts.ts';

// A hostile agent in a real sandbox under pr-bot as it ships: what it leaves behind, and what the host makes of it.
const folder = mkdtempSync(join(tmpdir(), 'glovebox-export-'));
cpSync(fileURLToPath(new URL('../../policies', import.meta.url)), join(folder, 'policies'), { recursive: true });
const parts = openParts(folder);
let repositories = 0;

afterAll(async () => {
  await parts.journal[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A run whose agent fixes the repository and, beside that, runs this. */
async function leaving(command: string): Promise<{ readonly summary: RunSummary; readonly decision: Decision | undefined }> {
  const runs = parts.runsWith(new ScriptedModel([FIX, calling('shell', { command }), SUBMIT]));
  const repository = writeTree(join(folder, `repository-${(repositories += 1)}`), NODE_REPOSITORY);
  const id = await runs.create({ task: 'make the tests pass', repository, model: 'scripted:script', policy: 'pr-bot' });
  const summary = await runs.execute(id);
  const decisions = (await parts.journal.read(id)).flatMap((event) => (event.type === 'decision' && event.data.request.action === 'export.patch' ? [event.data.decision] : []));
  return { summary, decision: decisions.at(-1) };
}

/** Of the right form, and of nobody; put together in the sandbox, so that no command has it. */
const TOKEN = "printf 'key = ghp_%s%s\\n' abcdEFGHijklMNOPqrst UVWXyz0123456789";

test.each([
  ['a credential', `${TOKEN} > config.ini`, 'export.secrets', 'config.ini:1 github GITHUB_TOKEN: it may hold a credential'],
  ['a credential below a word that turns the search off', `{ echo '# secretlint-disable'; ${TOKEN}; } > config.ini`, 'export.secrets', 'config.ini:2 github GITHUB_TOKEN: it may hold a credential'],
  ['a file that is no text, called one', "printf 'a\\0b' > notes.txt; echo '* text' > .gitattributes", 'export.binary', 'notes.txt: it is no text'],
  ['a link to a file of the host', 'ln -s ../../../../etc/passwd users', 'export.symlinks', 'users -> ../../../../etc/passwd: the link leads out of the repository'],
  ['a link through a link', 'ln -s test up && ln -s up/../../x out', 'export.symlinks', 'out -> up/../../x: the link leads out of the repository'],
  ['a change of CI', 'mkdir -p .github/workflows && echo x > .github/workflows/ci.yml', 'export.deny[0]', '.github/workflows/ci.yml fits .github/**'],
  ['fifty files more', 'for i in $(seq 50); do echo x > f$i; done', 'export.max_files', 'it changes 51 files, more than 50'],
])('%s does not leave', async (_name, command, rule, text) => {
  const { summary, decision } = await leaving(command);
  expect(decision?.reason, summary.detail).toMatchObject({ effect: 'deny', rule, text });
  expect(summary).toMatchObject({ outcome: 'failed', code: 'denied' });
  expect(summary.patchBlob).toBeUndefined();
});

test('without these it leaves', async () => {
  const { summary, decision } = await leaving('ln -s sum.js also.js; echo "api_key = os.environ[\'KEY\']" > config.py');
  expect(decision?.effect, decision?.reason.text).toBe('allow');
  expect(summary, summary.detail).toMatchObject({ outcome: 'fixed', files: ['also.js', 'config.py', 'sum.js'] });
});
