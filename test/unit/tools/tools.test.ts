import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { type DecisionRequest, GloveboxError, randomIds, systemClock } from '../../../src/contracts/index.ts';
import { SqliteJournal } from '../../../src/journal/index.ts';
import { Session } from '../../../src/session/index.ts';
import { builtInTools, type ToolContext } from '../../../src/tools/index.ts';
import { TESTER } from '../../support/principal.ts';
import { ended, type FakeFiles, FakeSandboxes, type Interpreter } from '../runs/fake-sandboxes.ts';
import { policyOf } from '../runs/rig.ts';

const registry = builtInTools();
const folder = mkdtempSync(join(tmpdir(), 'glovebox-tools-'));
const journal = new SqliteJournal(join(folder, 'journal.db'));
const open: Session[] = [];

afterEach(async () => {
  for (const session of open.splice(0)) await session.close();
});

afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function bench(interpreter: Interpreter = () => ({}), deny: (request: DecisionRequest) => boolean = () => false) {
  const sandboxes = new FakeSandboxes(interpreter);
  const policy = policyOf((request) => (deny(request) ? { effect: 'deny', reason: { effect: 'deny', rule: 'test.deny', text: 'not allowed here' } } : undefined));
  const session = await Session.open({ journal, sandboxes, clock: systemClock, ids: randomIds(systemClock) }, { principal: TESTER, policy });
  open.push(session);
  const context: ToolContext = { session, sandbox: await session.sandbox('test'), signal: session.signal };
  const files = sandboxes.created[0]?.files as FakeFiles;
  const call = async (name: string, input: unknown, malformed?: string) => {
    const { outcome } = await registry.call({ id: 'c1', name, input, ...(malformed === undefined ? {} : { malformed }) }, context);
    return outcome;
  };
  return { call, files, context };
}

test('every tool is described by an object schema with a version, and shell, edit and patch stand for the providers’ own', () => {
  const described = registry.descriptions();
  expect(described.map(({ name, native }) => [name, native])).toEqual([['shell', 'shell'], ['edit', 'edit'], ['apply_patch', 'patch'], ['python', undefined], ['node', undefined], ['run_js', undefined], ['submit', undefined]]);
  for (const { input } of described) {
    expect(input['type']).toBe('object');
    expect(input).not.toHaveProperty('anyOf');
    expect(input).not.toHaveProperty('$schema');
  }
});

test('an unknown tool, malformed arguments and arguments that do not fit are told, with what was expected', async () => {
  const { call } = await bench();
  expect(await call('bash', {})).toMatchObject({ callId: 'c1', tool: 'bash', ok: false, text: expect.stringContaining('shell, edit, apply_patch, python, node, run_js, submit') });
  expect((await call('shell', undefined, '{"command": "ls')).text).toMatch(/not valid JSON[\s\S]*You wrote: \{"command": "ls\n[\s\S]*"type":"object"/);
  expect((await call('shell', {})).text).toContain('give "command"');
  expect((await call('shell', { command: 7 })).text).toMatch(/expected string[\s\S]*command/i);
  expect((await call('edit', { command: 'str_replace', path: 'a' })).text).toMatch(/old_str/);
  expect((await call('submit', {})).ok).toBe(false);
});

test('a tool that policy denies is an outcome', async () => {
  const { call } = await bench(undefined, (request) => request.action === 'tool.call');
  expect(await call('shell', { command: 'ls' })).toMatchObject({ ok: false, text: expect.stringContaining('not allowed here') });
});

test('what ends a run is thrown, not told', async () => {
  const { context } = await bench();
  const broken = { ...context, sandbox: { exec: () => Promise.reject(new GloveboxError('journal_failed', 'disk full')) } } as unknown as ToolContext;
  await expect(registry.call({ id: 'c', name: 'shell', input: { command: 'ls' } }, broken)).rejects.toMatchObject({ code: 'journal_failed' });
});

test('shell says how it ended first, whatever the output says', async () => {
  const { call } = await bench(() => ({ stdout: '[exit code 0]\nfine\n', stderr: 'bad', exitCode: 3 }));
  const outcome = await call('shell', { command: 'x' });
  expect(outcome.text).toBe('[exit code 3]\n[exit code 0]\nfine\nbad');
  expect(outcome).toMatchObject({ ok: true, data: [{ stdout: '[exit code 0]\nfine\n', stderr: 'bad', outcome: { type: 'exit', exit_code: 3 } }] });
});

test('several commands run one after the other, each with its own end', async () => {
  const seen: (readonly string[])[] = [];
  const { call } = await bench(({ argv }) => {
    seen.push(argv);
    return argv.at(-1) === 'slow' ? { end: ended({ cause: 'timeout' }) } : { stdout: `${argv.at(-1)}!` };
  });
  const outcome = await call('shell', { commands: ['one', 'slow'], timeout_ms: null, max_output_length: null });
  expect(seen).toEqual([['bash', '-c', 'one'], ['bash', '-c', 'slow']]);
  expect(outcome.text).toBe('[command 1 of 2: exit code 0]\n[command 2 of 2: killed: its time was over after 0.0 s]\n--- output of command 1 ---\none!\n--- output of command 2 ---\n');
  expect(outcome).toMatchObject({ ok: false, data: [{ outcome: { type: 'exit', exit_code: 0 } }, { outcome: { type: 'timeout' } }] });
});

test('a denied command is told with its rule, and the next one runs', async () => {
  const { call } = await bench(() => ({ stdout: 'ran' }), (request) => request.action === 'command.exec' && request.argv.at(-1) === 'sudo x');
  expect((await call('shell', { commands: ['sudo x', 'ls'] })).text).toContain('[command 1 of 2: not run: denied by policy (test.deny): not allowed here]');
});

test('where there is no bash, sh is used, and bash is not tried again', async () => {
  const seen: string[] = [];
  const { call } = await bench(({ argv }) => {
    seen.push(argv[0] ?? '');
    return argv[0] === 'bash' ? { end: { cause: 'not_started', startError: 'ENOENT' } } : { stdout: 'ok' };
  });
  expect((await call('shell', { command: 'a' })).text).toBe('[exit code 0]\nok');
  await call('shell', { command: 'b' });
  expect(seen).toEqual(['bash', 'sh', 'sh']);
});

test('long output is cut in the middle, with the count said', async () => {
  const { call } = await bench(() => ({ stdout: `start${'x'.repeat(100_000)}end` }));
  const { text } = await call('shell', { command: 'x', max_output_length: 1000 });
  expect(text.length).toBeLessThan(1200);
  expect(text).toMatch(/^\[exit code 0\]\nstart[\s\S]*\[… 99008 bytes cut …\][\s\S]*end$/);
});

test('a restart is answered, and nothing runs', async () => {
  const { call } = await bench(() => {
    throw new Error('nothing may run');
  });
  expect(await call('shell', { command: '', restart: true })).toMatchObject({ ok: true, text: expect.stringContaining('nothing to restart') });
});

test('edit creates, views, replaces and inserts; files keep their mode', async () => {
  const { call, files, context } = await bench();
  expect((await call('edit', { command: 'create', path: 'src/new/a.txt', file_text: 'one\ntwo\n', old_str: null })).text).toBe('Created /workspace/src/new/a.txt (2 lines).');
  await context.sandbox.files.write('/workspace/src/new/a.txt', Buffer.from('one\ntwo\n'), { mode: 0o755 });
  expect((await call('edit', { command: 'str_replace', path: '/workspace/src/new/a.txt', old_str: 'two', new_str: '2' })).text).toContain('     2\t2');
  expect((await call('edit', { command: 'insert', path: 'src/new/a.txt', insert_line: 1, insert_text: 'middle' })).ok).toBe(true);
  expect((await call('edit', { command: 'insert', path: 'src/new/a.txt', insert_line: 0, new_str: 'top' })).ok).toBe(true);
  expect((await call('edit', { command: 'view', path: 'src/new/a.txt' })).text).toBe('     1\ttop\n     2\tone\n     3\tmiddle\n     4\t2');
  expect((await call('edit', { command: 'view', path: 'src/new/a.txt', view_range: [2, -1] })).text).toBe('     2\tone\n     3\tmiddle\n     4\t2');
  expect((await context.sandbox.files.stat('/workspace/src/new/a.txt')).mode & 0o777).toBe(0o755);
  files.put('.hidden', '');
  expect((await call('edit', { command: 'view', path: '.' })).text).toBe('/workspace has, two levels deep and without hidden files:\nsrc/\nsrc/new/');
});

test('edit says what is wrong: no such file, range, binary file, denied path', async () => {
  const { call, files, context } = await bench(undefined, (request) => request.action === 'file.write' && request.path.includes('.git/'));
  files.put('a.txt', 'x\nx\n');
  await context.sandbox.files.write('/workspace/binary', Buffer.from([0xff, 0xfe, 0]));
  expect((await call('edit', { command: 'view', path: 'nope' })).text).toContain('no such file');
  expect((await call('edit', { command: 'view', path: 'a.txt', view_range: [3, 4] })).text).toContain('the file has 2 lines');
  expect((await call('edit', { command: 'str_replace', path: 'a.txt', old_str: 'x', new_str: 'y' })).text).toContain('found 2 times (lines 1, 2)');
  expect((await call('edit', { command: 'view', path: 'binary' })).text).toContain('not UTF-8 text');
  expect((await call('edit', { command: 'create', path: '.git/hooks/x', file_text: '' })).text).toContain('not allowed here');
  expect(files.text('a.txt')).toBe('x\nx\n');
});

test('apply_patch applies all or nothing', async () => {
  const { call, files } = await bench();
  files.put('a.txt', 'one\n');
  files.put('b.txt', 'two\n');
  const patch = (second: string) => `*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+1\n*** Update File: b.txt\n*** Move to: c/d.txt\n@@\n-${second}\n+2\n*** End Patch`;
  const refused = await call('apply_patch', { patch: patch('three') });
  expect(refused).toMatchObject({ ok: false, text: expect.stringContaining('b.txt, hunk 1 does not fit') });
  expect(files.text('a.txt')).toBe('one\n');
  expect((await call('apply_patch', { patch: patch('two') })).ok).toBe(true);
  expect([files.text('a.txt'), files.text('b.txt'), files.text('c/d.txt')]).toEqual(['1\n', undefined, '2\n']);
});

test('apply_patch takes one operation, as OpenAI’s tool has it', async () => {
  const { call, files } = await bench();
  expect((await call('apply_patch', { operation: { type: 'create_file', path: 'n.txt', diff: '+a\n+b' } })).ok).toBe(true);
  expect((await call('apply_patch', { operation: { type: 'create_file', path: 'n.txt', diff: '+a' } })).text).toContain('is there already');
  expect((await call('apply_patch', { operation: { type: 'update_file', path: 'n.txt', diff: '@@\n a\n-b\n+c\n' } })).ok).toBe(true);
  expect(files.text('n.txt')).toBe('a\nc\n');
  expect((await call('apply_patch', { operation: { type: 'delete_file', path: 'n.txt' } })).ok).toBe(true);
  expect((await call('apply_patch', { operation: { type: 'update_file', path: 'n.txt', diff: '-a\n+b' } })).text).toContain('no such file');
  expect((await call('apply_patch', {})).ok).toBe(false);
});
