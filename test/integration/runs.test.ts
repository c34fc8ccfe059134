import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { CommandEnd, EventType, RunId } from '../../src/contracts/index.ts';
import type { RunInput } from '../../src/runs/index.ts';
import { calling, type Reply, ScriptedModel } from '../unit/runs/rig.ts';
import { EFFECTS, FIX, NODE_REPOSITORY, openParts, SUBMIT, writePolicy, writeTree } from './runs.parts.ts';

// Real parts from end to end: containers, the journal, trees, policies from files. Only the model is a script.
const folder = mkdtempSync(join(tmpdir(), 'glovebox-runs-'));
writePolicy(folder, 'test', '30s');
writePolicy(folder, 'hasty', '4s');
const parts = openParts(folder);
const { journal } = parts;
let repositories = 0;

afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function runOf(replies: readonly Reply[], input: Partial<RunInput> = {}) {
  repositories += 1;
  const runs = parts.runsWith(new ScriptedModel(replies));
  const repository = writeTree(join(folder, `repository-${repositories}`), NODE_REPOSITORY);
  const id = await runs.create({ task: 'make the tests pass', repository, model: 'scripted:script', policy: 'test', ...input });
  return { runs, id };
}

async function outcomes(id: RunId): Promise<readonly string[]> {
  return (await journal.read(id)).flatMap((event) => (event.type === 'tool.ended' ? [event.data.outcome.text] : []));
}

/** Resolves when the n-th event of a type is in the journal. */
async function nthEvent(id: RunId, type: EventType, nth: number): Promise<void> {
  let seen = 0;
  using stop = { controller: new AbortController(), [Symbol.dispose]: () => stop.controller.abort() };
  for await (const event of journal.follow(id, { signal: stop.controller.signal })) {
    if (event.type === type && ++seen === nth) return;
  }
}

test('a failing repository goes in, a tested patch comes out', async () => {
  const look = calling('shell', { command: 'git log --oneline; cat sum.js; npm test 2>&1 | tail -5; whoami; touch /etc/x' });
  const retest = calling('shell', { commands: ['npm test >/dev/null; echo "tests: $?"', 'git diff --stat'] });
  const { runs, id } = await runOf([look, FIX, retest, SUBMIT]);
  const summary = await runs.execute(id);
  const state = await runs.show(id);
  expect(summary, summary.detail).toMatchObject({ outcome: 'fixed', files: ['sum.js'], steps: 4, denials: 0 });
  expect(state.options).toMatchObject({ image: 'node', testCommand: 'npm test' });
  expect([state.before?.passed, state.before?.end.cause, state.after?.passed]).toEqual([false, 'exited', true]);
  const [first, edited, tested] = await outcomes(id);
  expect(first).toMatch(/^\[exit code 1\]\n[0-9a-f]+ The repository as it came\n/);
  expect(first).toContain('Read-only file system');
  expect(edited).toContain('a + b');
  expect(tested).toMatch(/^\[command 1 of 2: exit code 0\]\n\[command 2 of 2: exit code 0\]\n[\s\S]*tests: 0[\s\S]*sum\.js/);
  expect((await runs.patch(id)).text.toString()).toContain('-export const sum = (a, b) => a - b;\n+export const sum = (a, b) => a + b;\n');
  const events = (await journal.read(id)).map(({ type }) => type);
  expect(events.filter((type) => type === 'sandbox.gone')).toHaveLength(events.filter((type) => type === 'sandbox.created').length);
  expect(events.at(-1)).toBe('run.ended');
  await journal.verify(id);
});

test('apply_patch makes, changes and deletes files', async () => {
  const patch =
    '*** Begin Patch\n*** Update File: sum.js\n@@\n-export const sum = (a, b) => a - b;\n+export const sum = (a, b) => a + b;\n*** Add File: new/dir/file.txt\n+hello\n*** Delete File: AGENTS.md\n*** End Patch';
  const { runs, id } = await runOf([calling('apply_patch', { patch }), calling('shell', { command: 'cat new/dir/file.txt; ls' }), SUBMIT]);
  expect(await runs.execute(id)).toMatchObject({ outcome: 'fixed', files: ['AGENTS.md', 'new/dir/file.txt', 'sum.js'] });
  expect((await outcomes(id))[1]).toContain('hello');
});

test('a run that is stopped goes on with the files as they were, with each effect once', async () => {
  const whole = await runOf(EFFECTS);
  const expected = await whole.runs.execute(whole.id);
  const patch = (await whole.runs.patch(whole.id)).text.toString();
  expect(patch).toContain('+one\n+two\n+three\n');
  expect(expected.files).toEqual(['AGENTS.md', 'deep/er/file', 'deep/link', 'log.txt', 'sum.js']);
  const stops: readonly (readonly [EventType, number])[] = [['command.started', 4], ['model.started', 4], ['tool.ended', 2], ['run.submitted', 1]];
  const stoppedAt = async ([type, nth]: (typeof stops)[number]): Promise<void> => {
    const { runs, id } = await runOf(EFFECTS);
    const stop = new AbortController();
    const stopping = nthEvent(id, type, nth).then(() => stop.abort());
    await expect(runs.execute(id, { signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled' });
    await stopping;
    const summary = await runs.execute(id);
    expect(summary, `${type} ${nth}`).toMatchObject({ outcome: 'fixed', steps: expected.steps, files: expected.files });
    expect((await runs.patch(id)).text.toString(), `${type} ${nth}`).toBe(patch);
  };
  // Beside each other, because most of it is waiting; each to its end, so that one that fails leaves the others nothing to clean up.
  const outcomes = await Promise.allSettled(stops.map(stoppedAt));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
});

test('a run whose process is killed is run by another, with each effect once; while it lives no other may', async () => {
  const { runs, id } = await runOf(EFFECTS);
  const worker = spawn(process.execPath, [fileURLToPath(new URL('runs.worker.ts', import.meta.url)), folder, id], { stdio: 'inherit' });
  const ended = once(worker, 'exit');
  // Tests before, the git history, the first command, and then the second one, which takes a second.
  await nthEvent(id, 'command.started', 4);
  await expect(runs.execute(id)).rejects.toMatchObject({ code: 'admission_full' });
  worker.kill('SIGKILL');
  await ended;
  expect(await runs.execute(id)).toMatchObject({ outcome: 'fixed' });
  expect((await runs.patch(id)).text.toString()).toContain('+one\n+two\n+three\n');
  expect((await runs.show(id)).spent.steps).toBe(EFFECTS.length);
  // The container outlives the process: what ran in it then went on, and was not begun again.
  const events = await journal.read(id);
  const begun = events.flatMap((event) => (event.type === 'command.started' ? [event.data.argv.at(-1)] : []));
  expect(events.filter(({ type }) => type === 'sandbox.adopted')).toHaveLength(1);
  expect(begun.filter((text) => text?.includes('echo two'))).toHaveLength(1);
});

test('a test file that was edited to pass is put back before the verdict', async () => {
  const cheat = calling('shell', { command: "sed -i 's/, 5)/, -1)/' test/sum.test.js && npm test" });
  const { runs, id } = await runOf([cheat, SUBMIT]);
  expect(await runs.execute(id)).toMatchObject({ outcome: 'not_fixed', files: ['test/sum.test.js'] });
  expect((await outcomes(id))[0]).toMatch(/^\[exit code 0\]/);
  expect((await runs.show(id)).restored).toEqual(['test/sum.test.js']);
});

test('a test script that was edited to pass is put back before the verdict', async () => {
  const { runs, id } = await runOf([calling('shell', { command: "sed -i 's/node --test/true/' package.json" }), SUBMIT]);
  expect(await runs.execute(id)).toMatchObject({ outcome: 'not_fixed', files: ['package.json'] });
  expect((await runs.show(id)).restored).toEqual(['package.json']);
});

interface Trouble {
  readonly does: string;
  readonly command: string;
  readonly causes: readonly CommandEnd['cause'][];
}

const HANGS: readonly Trouble[] = [
  { does: 'hangs', command: 'sleep 1000', causes: ['timeout'] },
  { does: 'ignores TERM and leaves children behind', command: "trap '' TERM; setsid sleep 1000 & sleep 1000", causes: ['timeout'] },
];
const TROUBLE: readonly Trouble[] = [
  { does: 'floods', command: 'yes', causes: ['output'] },
  // Who is killed when memory runs out is the kernel's choice, so how the main process ends is not certain.
  { does: 'eats memory', command: "node -e 'const held = []; for (;;) held.push(Buffer.alloc(8e6, 1))'", causes: ['memory', 'signalled', 'exited', 'lost'] },
  { does: 'forks without end', command: 'f() { f | f & }; f; sleep 2; exit 3', causes: ['exited', 'memory', 'timeout', 'signalled'] },
  { does: 'does not exist', command: 'no-such-program', causes: ['exited'] },
];

const REPORTED = 'a test command that $does is reported as that, and the run goes on';
test.concurrent.for(HANGS)(REPORTED, isReported);
test.for(TROUBLE)(REPORTED, isReported);

async function isReported({ command, causes }: Trouble): Promise<void> {
  const { runs, id } = await runOf([FIX, SUBMIT], { testCommand: command, image: 'node', policy: 'hasty' });
  expect(await runs.execute(id)).toMatchObject({ outcome: 'not_fixed', files: ['sum.js'] });
  const { before, after } = await runs.show(id);
  expect(causes).toContain(before?.end.cause);
  expect(causes).toContain(after?.end.cause);
  expect([before?.passed, after?.passed]).toEqual([false, false]);
}

test('a command of the agent that hangs is killed and told, and the run goes on', async () => {
  const { runs, id } = await runOf([calling('shell', { command: 'echo begun; sleep 1000', timeout_ms: 500 }), FIX, SUBMIT]);
  expect((await runs.execute(id)).outcome).toBe('fixed');
  expect((await outcomes(id))[0]).toMatch(/^\[killed: its time was over after 0\.\d s\]\nbegun\n/);
});
