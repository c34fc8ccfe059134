import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Context, GovernedSandbox } from '../../src/session/index.ts';
import { ContextRig, IMAGES, listen, reaches, say } from '../support/contexts.ts';
import { KINDS } from '../support/sandbox-kinds.ts';

describe.each(KINDS)('a javascript context in a %s', (kind) => {
  let rig: ContextRig;
  let sandbox: GovernedSandbox;
  let context: Context;
  beforeAll(async () => {
    rig = new ContextRig(kind);
    // Node alone needs more than a few processes and files.
    sandbox = await rig.open(IMAGES.javascript);
    context = await sandbox.contexts.open({ language: 'javascript' });
  });
  afterAll(async () => {
    await rig?.[Symbol.asyncDispose]();
  });

  describe('a call', () => {
    test('keeps what it made for the next, which may declare it again', async () => {
      expect(context.version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(await say(context, 'const x = 1; class A { y = 2 }\nfunction f() { return x }\nx + 1')).toMatchObject({ result: '2', end: { cause: 'finished', state: 'kept' } });
      expect((await say(context, 'const x = 10; [f(), new A()]')).result).toBe('[ 10, A { y: 2 } ]');
      expect(await say(context, 'let nothing;')).toMatchObject({ result: undefined, displays: [] });
    });

    test.each([
      ['-0', '-0'],
      ['10n', '10n'],
      ['NaN', 'NaN'],
      ['null', 'null'],
      ['"a"', "'a'"],
      ['Symbol("s")', 'Symbol(s)'],
      ['({ a: [1, { b: 2 }] })', '{ a: [ 1, { b: 2 } ] }'],
      ['(() => 1)', '[Function (anonymous)]'],
    ])('gives the value of %s', async (code, result) => {
      expect((await say(context, code)).result).toBe(result);
    });

    test('awaits at its top level, imports and requires', async () => {
      expect((await say(context, 'await new Promise((resolve) => setTimeout(resolve, 10)); 7')).result).toBe('7');
      expect((await say(context, 'const { basename } = await import("node:path"); basename("/a/import(b)") // import(c)')).result).toBe("'import(b)'");
      expect((await say(context, 'require("node:path").sep')).result).toBe("'/'");
      await sandbox.files.write('/workspace/own.mjs', Buffer.from('export const own = 5;'));
      expect((await say(context, '(await import("./own.mjs")).own')).result).toBe('5');
    });

    test('gives stdout and stderr in the order of the console, children’s too', async () => {
      const said = await say(context, 'console.log("one"); require("child_process").execSync("cat; echo two", { stdio: "inherit" }); process.stdout.write("three\\n"); console.error("err")');
      expect(said).toMatchObject({ stdout: 'one\ntwo\nthree\n', stderr: 'err\n', end: { cause: 'finished' } });
    });

    test('that throws tells name, message and a stack of its own lines', async () => {
      const { error, end } = await say(context, 'function g() {\n  return null.x;\n}\ng()');
      expect(end).toMatchObject({ cause: 'raised', state: 'kept' });
      expect(error).toMatchObject({ name: 'TypeError', message: "Cannot read properties of null (reading 'x')" });
      expect(error?.traceback).toMatch(/^TypeError: [^\n]+\n {4}at g \(call-\d+:2:15\)\n {4}at call-\d+:4:1$/);
      expect((await say(context, ')(')).error).toMatchObject({ name: 'SyntaxError' });
      expect((await say(context, 'await Promise.reject(new RangeError("late"))')).error).toMatchObject({ name: 'RangeError', message: 'late' });
      expect((await say(context, 'throw 5')).error).toMatchObject({ name: 'Thrown', message: '5' });
    });

    test('shows rich values by media type, and those of display() when they come', async () => {
      const code = 'const rich = { [Symbol.for("Jupyter.display")]: () => ({ "text/plain": "rich", "image/png": Buffer.from("PNG"), "application/json": { a: 1 } }) };\nawait display(rich); console.log("between"); await display({ "text/html": "<b>" }, { raw: true });\nrich';
      const { displays, events } = await say(context, code);
      const data = { 'text/plain': 'rich', 'image/png': 'UE5H', 'application/json': '{"a":1}' };
      expect(displays).toEqual([{ data }, { data: { 'text/html': '<b>' } }, { data }]);
      expect(events.map(({ type }) => type)).toEqual(['display', 'stdout', 'display', 'result', 'end']);
    });
  });

  describe('odd code', () => {
    test.each([
      ['process.exit(3)', 'ProcessExit'],
      ['(function f() { f() })()', 'RangeError'],
      ['throw Object.defineProperty(new Error("m"), "stack", { get() { throw 1 } })', 'Error'],
    ])('%s is an exception, and the context goes on', async (code, name) => {
      expect(await say(context, code)).toMatchObject({ error: { name }, end: { cause: 'raised', state: 'kept' } });
      expect((await say(context, '1 + 1')).result).toBe('2');
    });

    test('a value that cannot be shown, is huge, or is no text is shown all the same', async () => {
      expect((await say(context, '({ [Symbol.for("nodejs.util.inspect.custom")]() { throw new TypeError("no") } })')).result).toBe('<its inspection threw TypeError>');
      expect((await say(context, '"\\ud800"')).result).toBe("'\\ud800'");
      const huge = (await say(context, '"x".repeat(10 ** 7)')).result ?? '';
      expect(huge).toMatch(/^'x+'\.\.\. \d+ more characters$/);
      expect(huge.length).toBeLessThan(101_000);
    });

    test('what fails between calls is told in the next, or counted, and ends nothing', async () => {
      const first = await say(context, 'globalThis.kept = 1; setTimeout(() => { throw new Error("later") }, 0); Promise.reject(new Error("nobody"))');
      const { stderr, end } = await say(context, 'await new Promise((resolve) => setTimeout(resolve, 20))');
      // On a busy machine it may have failed before that call was over.
      expect(first.stderr.length + stderr.length + end.output.droppedBytes).toBeGreaterThan(0);
      expect((await say(context, 'kept')).result).toBe('1');
    });

    test('what was monkeypatched hurts nobody but the code', async () => {
      const patched = await say(context, 'require("fs").writeSync = JSON.stringify = Buffer.from = Buffer.concat = console.log = undefined');
      expect(patched.end).toMatchObject({ cause: 'finished', state: 'kept' });
      await context.restart();
      expect(await say(context, 'console.log(42)')).toMatchObject({ stdout: '42\n', end: { cause: 'finished' } });
    });
  });

  describe('a call that does not end', () => {
    test.each([
      ['a loop', 'while (true);'],
      ['a loop after an await', 'await null; while (true);'],
      ['an await', 'await new Promise(() => {})'],
      ['a child', 'require("child_process").execSync("echo on; sleep 600", { stdio: "inherit" })'],
      ['a value that is never shown', '({ [Symbol.for("nodejs.util.inspect.custom")]() { while (true); } })'],
    ])('is interrupted in %s, and the state is kept', async (name, code) => {
      await say(context, 'globalThis.kept = 1');
      const call = await context.run(name === 'a child' ? code : `console.log("on"); ${code}`);
      await reaches(call, 'on');
      context.interrupt();
      expect(await call.end).toMatchObject({ cause: 'interrupted', state: 'kept' });
      expect(await say(context, 'console.log("goes on"); kept')).toMatchObject({ stdout: 'goes on\n', result: '1', end: { cause: 'finished' } });
    });

    test('is interrupted once, however often it is asked for', async () => {
      const call = await context.run('console.log("on"); for (;;);');
      await reaches(call, 'on');
      for (let times = 0; times < 5; times++) context.interrupt();
      const asking = setInterval(() => context.interrupt(), 20);
      const { error, end } = await listen(call).finally(() => clearInterval(asking));
      expect([error?.name, end.cause]).toEqual(['Interrupted', 'interrupted']);
      expect((await say(context, '1')).result).toBe('1');
    });

    test('ends at its wall time', async () => {
      const { error, end } = await say(context, 'for (;;);', { limits: { wallMs: 300 } });
      expect(end).toMatchObject({ cause: 'timeout', state: 'kept' });
      expect(error).toMatchObject({ name: 'Interrupted' });
    });

    test('that cannot be interrupted loses the state, and the next call begins anew', async () => {
      const code = 'for (;;) { try { require("child_process").execSync("trap \'\' INT; sleep 600") } catch {} }';
      expect((await say(context, code, { limits: { wallMs: 200 }, graceMs: 500 })).end).toMatchObject({ cause: 'timeout', state: 'lost', interpreter: { cause: 'cancelled', tree: 'dead' } });
      const next = await say(context, 'typeof kept');
      expect(next).toMatchObject({ result: "'undefined'", events: [{ type: 'restarted' }, {}, {}] });
    });

    test('cannot flood: it is interrupted at its output limit, and the rest is counted', async () => {
      const { stdout, end } = await say(context, 'for (;;) console.log("x".repeat(1000))', { limits: { outputBytes: 10_000 } });
      expect(stdout.length).toBe(10_000);
      expect(end).toMatchObject({ cause: 'output', state: 'kept', output: { stdoutBytes: 10_000 } });
      expect((await say(context, 'console.log("goes on")')).stdout).toBe('goes on\n');
    });
  });

  test('an interpreter that leaves is a call that died, with all of its output', async () => {
    const { stdout, end } = await say(context, 'console.log("last words"); process.reallyExit(7)');
    expect(stdout).toBe('last words\n');
    expect(end).toMatchObject({ cause: 'died', state: 'lost', interpreter: { cause: 'exited', exitCode: 7 } });
    expect((await say(context, '2')).result).toBe('2');
  });

  test('an interpreter that runs out of memory takes only its context with it', async () => {
    await using other = await sandbox.contexts.open({ language: 'javascript' });
    await say(other, 'globalThis.kept = 1');
    const { end } = await say(context, 'const all = []; for (;;) all.push(new Array(1e6).fill(all.length))');
    expect(end).toMatchObject({ cause: 'died', state: 'lost' });
    expect((await say(other, 'kept')).result).toBe('1');
  });

  test('calls wait for one another, in the order of asking', async () => {
    const calls = await Promise.all(Array.from({ length: 10 }, async (_, i) => listen(await context.run(`globalThis.order = [...(${i} ? order : []), ${i}]; order.join()`))));
    expect(calls.at(-1)?.result).toBe("'0,1,2,3,4,5,6,7,8,9'");
  });
});
