import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ModelsByName } from '../../src/models/index.ts';
import { NODE_REPOSITORY, openParts, writePolicy, writeTree } from './runs.parts.ts';

// A run from end to end whose model, a transcript, writes a program over tools and uses an interpreter that remembers.
const folder = mkdtempSync(join(tmpdir(), 'glovebox-runs-'));
writePolicy(folder, 'programs', '30s', 'shell, edit, run_js, node, submit', ['javascript: { memory: 64MiB, place: sandbox, functions: [files, tools] }']);
const parts = openParts(folder);
afterAll(async () => {
  await parts.isolates[Symbol.asyncDispose]();
  await parts.journal[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const TRANSCRIPT = String.raw`
description: A program over tools finds the fault and mends it; an interpreter that remembers looks at what came of it.
written_by_hand: true
model: by hand
replies:
  - text: One program reads what there is, runs the tests, mends the sign and runs them again.
    calls:
      - name: run_js
        input:
          code: |
            const names = (await files.list('.')).filter(({ type }) => type === 'file').map(({ name }) => name).sort();
            const test = async () => (await tools.shell({ command: 'npm test >/dev/null 2>&1' })).data[0].outcome.exit_code;
            const before = await test();
            const edited = await tools.edit({ command: 'str_replace', path: 'sum.js', old_str: 'a - b', new_str: 'a + b' });
            export default { names, before, edited: edited.ok, after: await test() };
  - text: A look at it from within.
    calls: [{ name: node, input: { code: "const { sum } = await import('/workspace/sum.js')" } }]
    expect: { ok: true, outcome: '^\[returned\]\n\{"names":\["AGENTS.md","package.json","sum.js"\],"before":1,"edited":true,"after":0\}$' }
  - text: It is still known.
    calls: [{ name: node, input: { code: 'sum(40, 2)' } }]
    expect: { ok: true, outcome: '^\[finished\]$' }
  - text: Done.
    calls: [{ name: submit, input: { summary: it had the wrong sign } }]
    expect: { ok: true, outcome: '^\[finished\]\n42$' }
`;

test('a transcript mends a repository by a program over tools, and every call of one is decided and written down', async () => {
  writeFileSync(join(folder, 'programs.yaml'), TRANSCRIPT);
  const model = await new ModelsByName({ env: {}, transcriptFolder: folder }).open('transcript:programs.yaml');
  const runs = parts.runsWith(model);
  const repository = writeTree(join(folder, 'repository'), NODE_REPOSITORY);
  const id = await runs.create({ task: 'make the tests pass', repository, model: 'transcript:programs.yaml', policy: 'programs' });
  const summary = await runs.execute(id);
  expect(summary, summary.detail).toMatchObject({ outcome: 'fixed', files: ['sum.js'], steps: 4, denials: 0 });
  const events = await parts.journal.read(id);
  const called = events.flatMap((event) => (event.type === 'decision' && event.data.request.action === 'tool.call' ? [event.data.request.tool] : []));
  expect(called).toEqual(['run_js', 'shell', 'edit', 'shell', 'node', 'node', 'submit']);
  expect(events.filter(({ type }) => type === 'javascript.ended')).toHaveLength(1);
  expect(events.filter(({ type }) => type === 'call.ended')).toHaveLength(2);
  await parts.journal.verify(id);
});
