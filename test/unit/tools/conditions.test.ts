import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { type JournalEvent, randomIds, systemClock } from '../../../src/contracts/index.ts';
import { SqliteJournal } from '../../../src/journal/index.ts';
import { Session } from '../../../src/session/index.ts';
import { builtInTools, type Tool, type ToolContext, ToolRegistry } from '../../../src/tools/index.ts';
import { TESTER } from '../../support/principal.ts';
import { FakeSandboxes } from '../runs/fake-sandboxes.ts';
import { policyOf } from '../runs/rig.ts';

/** A session in which `deploy` may not be called, and what it was asked about tools. */
async function bench(registry: ToolRegistry) {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-conditions-'));
  const journal = new SqliteJournal(join(folder, 'journal.db'));
  const policy = policyOf((request) => (request.action === 'tool.call' && request.tool === 'deploy' ? { effect: 'deny' } : undefined));
  const session = await Session.open({ journal, sandboxes: new FakeSandboxes(() => ({})), clock: systemClock, ids: randomIds(systemClock) }, { principal: TESTER, policy });
  onTestFinished(async () => {
    await session.close();
    await journal[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const context: ToolContext = { session, sandbox: await session.sandbox('test'), signal: session.signal };
  const call = async (name: string, input: unknown, within: ToolContext = context) => (await registry.call({ id: 'c', name, input }, within)).outcome;
  const asked = async () => (await journal.read(session.id)).filter((event: JournalEvent) => event.type === 'decision' && event.data.request.action === 'tool.call').length;
  return { call, asked, context };
}

function tool(name: string, parts: Partial<Tool<{ to: string }>> = {}): Tool<{ to: string }> {
  return { name, version: '1', description: name, input: z.object({ to: z.string().min(1) }), run: () => Promise.resolve({ ok: true, text: 'done' }), ...parts };
}

test('policy is not asked about a call that does not fit the tool’s schema, or has not what it needs', async () => {
  const { call, asked } = await bench(new ToolRegistry().add(tool('send', { before: ({ to }) => (to === 'nobody' ? 'there is nobody of that name.' : undefined) })).add(tool('deploy')));
  expect(await call('send', { to: 7 })).toMatchObject({ ok: false, text: expect.stringContaining('do not fit') });
  expect(await call('deploy', {})).toMatchObject({ ok: false, text: expect.stringContaining('do not fit') });
  expect(await call('send', { to: 'nobody' })).toMatchObject({ ok: false, text: 'Nothing was run: there is nobody of that name.' });
  expect(await asked()).toBe(0);
  expect(await call('send', { to: 'ann' })).toMatchObject({ ok: true, text: 'done' });
  expect(await call('deploy', { to: 'ann' })).toMatchObject({ ok: false, text: expect.stringContaining('refused') });
  expect(await asked()).toBe(2);
});

test('what a tool says it did is held against what it did', async () => {
  const after = (): string => 'it is not there.';
  const { call } = await bench(new ToolRegistry().add(tool('send', { after })).add(tool('fail', { after, run: () => Promise.resolve({ ok: false, text: 'no' }) })));
  expect(await call('send', { to: 'ann' })).toMatchObject({ ok: false, text: 'done\nBut: it is not there.' });
  expect(await call('fail', { to: 'ann' })).toMatchObject({ ok: false, text: 'no' });
});

test.each([
  ['no text', { ok: true } as never, 'text'],
  ['an endless text', { ok: true, text: 'x'.repeat(5_000_000) }, 'text'],
  ['data that is no JSON', { ok: true, text: '', data: { size: 1n } }, 'data'],
  ['more than an answer has', { ok: true, text: '', submitted: 'done', callId: 'other' } as never, 'callId'],
])('an answer with %s is told as none', async (_name, answer, where) => {
  const { call } = await bench(new ToolRegistry().add(tool('odd', { run: () => Promise.resolve(answer) })));
  expect(await call('odd', { to: 'ann' })).toMatchObject({ ok: false, callId: 'c', text: expect.stringMatching(new RegExp(`odd ran, and its answer is none that can be passed on \\(.*${where}`)) });
});

test('a command that no Linux can start is not tried', async () => {
  const { call, asked } = await bench(builtInTools());
  expect(await call('shell', { command: `: ${'é'.repeat(70_000)}` })).toMatchObject({ ok: false, text: expect.stringContaining('140002 bytes, and Linux starts none above 131071') });
  expect(await asked()).toBe(0);
  expect((await call('shell', { command: `: ${'x'.repeat(131_069)}` })).ok).toBe(true);
});

test('an edit that something else undid is told as undone', async () => {
  const { call, context } = await bench(builtInTools());
  expect(await call('edit', { command: 'create', path: 'a', file_text: 'one\r\ntwo\r\n' })).toMatchObject({ ok: true });
  expect(await call('edit', { command: 'str_replace', path: 'a', old_str: 'one\ntwo', new_str: 'two\nthree' })).toMatchObject({ ok: true });
  const { files } = context.sandbox;
  // A watcher in the sandbox that puts back what it knows.
  const undoing = Object.assign(Object.create(files) as typeof files, {
    stat: files.stat.bind(files),
    read: files.read.bind(files),
    write: (path: string, _bytes: Buffer, options: object) => files.write(path, Buffer.from('as it was\n'), options),
  });
  const sandbox = Object.assign(Object.create(context.sandbox) as typeof context.sandbox, { files: undoing });
  expect(await call('edit', { command: 'create', path: 'b', file_text: 'mine\n' }, { ...context, sandbox })).toMatchObject({ ok: false, text: expect.stringContaining('/workspace/b does not hold this any more') });
});
