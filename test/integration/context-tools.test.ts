import { afterAll, describe, expect, test } from 'vitest';
import { builtInTools } from '../../src/tools/index.ts';
import { ContextRig } from '../support/contexts.ts';

// The tools `python` and `node` in a real sandbox: what a model calls, and what it is told.
const rig = new ContextRig('process');
afterAll(() => rig[Symbol.asyncDispose]());

async function bench(more = 'tools: { allow: [python, node] }') {
  const registry = builtInTools();
  const sandbox = await rig.open('base', more);
  const { session } = rig;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, session.signal]);
  const call = async (name: string, input: unknown) => (await registry.call({ id: 'c', name, input }, { session, sandbox, signal })).outcome;
  return { sandbox, call, stop };
}

describe.each([
  ['python', { define: 'x = 20\ndef double(n):\n    return 2 * n', use: 'print("doubled")\ndouble(x) + 2', wrong: 'undefined_name', error: /^\[an exception was raised\]\nTraceback[\s\S]*NameError/, endless: 'while True: pass' }],
  ['node', { define: 'const x = 20; function double(n) { return 2 * n }', use: 'console.log("doubled"); double(x) + 2', wrong: 'undefinedName', error: /^\[an exception was raised\]\nReferenceError/, endless: 'for (;;);' }],
] as const)('%s', (name, code) => {
  test('remembers what earlier calls defined; shows what is printed, and the last value', async () => {
    const { call } = await bench();
    expect(await call(name, { code: code.define })).toMatchObject({ ok: true, text: '[finished]' });
    expect((await call(name, { code: code.use })).text).toBe('[finished]\ndoubled\n42');
    expect(await call(name, { code: 'x', restart: true })).toMatchObject({ ok: false, text: expect.stringContaining('an exception was raised') });
  });

  test('tells an exception, and what takes too long is interrupted with what was defined kept', async () => {
    const { call } = await bench();
    await call(name, { code: code.define });
    expect(await call(name, { code: code.wrong })).toMatchObject({ ok: false, text: expect.stringMatching(code.error) });
    expect((await call(name, { code: code.endless, timeout_s: 0.5 })).text).toMatch(/^\[interrupted: its time was over\]/);
    expect((await call(name, { code: 'double(x)' })).text).toBe('[finished]\n40');
  });
});

test('an interpreter that ended is said to be new with the next call', async () => {
  const { call } = await bench();
  expect((await call('python', { code: 'import os\nos._exit(3)' })).text).toBe('[the interpreter ended; the interpreter was ended, and what calls defined is gone]');
  expect((await call('python', { code: '1' })).text).toBe('[the interpreter had ended: this is a new one, and what earlier calls defined is gone]\n[finished]\n1');
});

test('what can only be seen is said to be there', async () => {
  const { call } = await bench();
  const code = 'class Drawn:\n    def _repr_svg_(self): return "<svg/>"\n    def __repr__(self): return "a drawing"\nDrawn()';
  expect((await call('python', { code })).text).toBe('[finished]\na drawing [also as image/svg+xml, which is not shown]');
});

test('a call that policy denies is told with its rule, and one that is cancelled ends the go', async () => {
  const { call, stop } = await bench('tools: { allow: [python] }\ncommands: { deny: [{ program: python3, args: ["-c", "forbidden()"], reason: nobody does that }] }');
  expect(await call('python', { code: 'forbidden()' })).toMatchObject({ ok: false, text: '[not run: denied by policy (commands.deny[0]): nobody does that]' });
  expect(await call('node', { code: '1' })).toMatchObject({ ok: false, text: expect.stringContaining('tools.allow') });
  const started = rig.next('call.started');
  const running = call('python', { code: 'import time\ntime.sleep(60)' });
  await started;
  stop.abort(new Error('stopped'));
  await expect(running).rejects.toThrow('stopped');
});

test('an interpreter goes with its sandbox, and the model is told', async () => {
  const { call, sandbox } = await bench();
  await call('python', { code: 'x = 1' });
  await sandbox.destroy('test');
  expect(await call('python', { code: 'x' })).toMatchObject({ ok: false, text: '[not run: the interpreter went away with its sandbox]' });
});
