import { afterAll, describe, expect, test } from 'vitest';
import type { JavaScriptCause, Sandbox } from '../../src/contracts/index.ts';
import { IsolateRig, type RunOptions } from '../support/isolates.ts';
import { shell } from '../support/sandbox-commands.ts';
import type { Kind } from '../support/sandbox-kinds.ts';

const MIB = 2 ** 20;

/** What every program can rely on, wherever the child is that holds its isolate: `host`, or a sandbox of this kind. Real children and real isolates. */
export function isolateSuite(place: 'host' | Kind): void {
  const rig = new IsolateRig({ place });
  afterAll(() => rig[Symbol.asyncDispose]());

  describe('a result', () => {
    test('is what a module exports by default', async () => {
      expect(await rig.run('export default [1, 2, 3].map(x => x * 2)')).toMatchObject({ cause: 'returned', result: [2, 4, 6] });
    });

    test('is what its default export gives when it is a function, called with the arguments', async () => {
      const end = await rig.run('export default async ({ by }, n) => ({ sum: by + n, args })', { args: [{ by: 40 }, 2] });
      expect(end).toMatchObject({ cause: 'returned', result: { sum: 42, args: [{ by: 40 }, 2] } });
    });

    test('is awaited at the top of a module', async () => {
      expect((await rig.run('const x = await Promise.resolve(20); export default x + 1')).result).toBe(21);
    });

    test('is the last value of a script', async () => {
      expect((await rig.run('var a = args[0]; a + 1', { form: 'script', args: [41] })).result).toBe(42);
    });

    test('is absent where there is none', async () => {
      expect(await rig.run('export const other = 1')).not.toHaveProperty('result');
    });

    test('of TypeScript is that of the program without its types', async () => {
      const source = 'interface A { a: number }\nexport default ((x: A): number => x.a satisfies number)({ a: 5 })';
      expect((await rig.run(source, { language: 'typescript', fileName: 'program.ts' })).result).toBe(5);
    });

    test('may come from WebAssembly', async () => {
      // (module (func (export "f") (result i32) i32.const 42))
      const module = 'new Uint8Array([0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,7,5,1,1,102,0,0,10,6,1,4,0,65,42,11])';
      expect((await rig.run(`export default (await WebAssembly.instantiate(${module})).instance.exports.f()`)).result).toBe(42);
      expect((await rig.run(`export default (await WebAssembly.instantiate(await WebAssembly.compile(${module}))).exports.f()`)).result).toBe(42);
      expect(await rig.run('await WebAssembly.compile(new Uint8Array([1]))')).toMatchObject({ cause: 'threw', error: { name: 'CompileError' } });
    });

    test('starts from nothing: what one call leaves behind is not there for the next', async () => {
      await rig.run('globalThis.left = 1; Object.prototype.left = 1; Array.prototype.map = () => "mine"');
      expect((await rig.run('export default [typeof left, {}.left ?? "none", [1].map(x => x)]')).result).toEqual(['undefined', 'none', [1]]);
    });
  });

  describe('a result that JSON cannot carry is told, with what it is', () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['a function in it', '({ f() {} })', '"f" is a function'],
      ['a symbol', 'Symbol("s")', 'it is a symbol'],
      ['a BigInt', '() => 1n', 'it is a bigint'],
      ['a Map', 'new Map()', 'it is a Map'],
      ['a Set', '[new Set()]', 'is a Set'],
      ['binary data', 'new Uint8Array(2)', 'it is binary data'],
      ['no number', '[0 / 0]', 'is NaN'],
      ['an infinite number', '({ a: 1 / 0 })', '"a" is Infinity'],
      ['a cycle', '(() => { const a = {}; a.a = a; return () => a })()', 'circular'],
      ['a getter that throws', '({ get x() { throw new Error("from the getter") } })', 'from the getter'],
      ['a proxy that throws', 'new Proxy({}, { ownKeys() { throw new Error("from the proxy") } })', 'from the proxy'],
      ['a toJSON that throws', '({ toJSON() { throw "thrown text" } })', 'thrown text'],
      ['a promise in it', '[Promise.resolve(1)]', 'is a Promise'],
      ['thousands of levels', '(() => { let a = []; for (let i = 0; i < 1000; i++) a = [a]; return a })', 'nested deeper'],
    ];
    test.each(cases)('%s', async (_, value, message) => {
      const end = await rig.run(`export default ${value}`);
      expect(end).toMatchObject({ cause: 'unclonable', error: { message: expect.stringContaining(message) } });
      expect(end).not.toHaveProperty('result');
    });
  });

  describe('what is thrown', () => {
    test('is told with its frames in the program', async () => {
      const end = await rig.run('function inner() {\n  throw new TypeError("no");\n}\nexport default () => inner();');
      expect(end).toMatchObject({ cause: 'threw', error: { name: 'TypeError', message: 'no', stack: expect.stringMatching(/^at inner \(program\.js:2:9\)\nat default \(program\.js:4:\d+\)$/) } });
    });

    test('has the lines and columns of TypeScript as it was written', async () => {
      const end = await rig.run('type Long = {\n  a: number;\n};\nconst x: Long = { a: 1 };\nthrow new Error(String(x.a) as string);', { language: 'typescript', fileName: 'program.ts' });
      expect(end.error?.stack).toBe('at program.ts:5:7');
    });

    test('names no place on this machine, whatever it is', async () => {
      const sources = ['throw new Error("a")', 'throw { a: 1 }', 'import "fs"', 'export default [1', 'await import("fs")', 'null.x', 'export default () => { throw 1 }', 'eval("(")'];
      for (const source of sources) {
        const end = await rig.run(source);
        expect(end.cause).toBe('threw');
        expect(JSON.stringify(end)).not.toMatch(/node_modules|file:|\/src\/|isolated-vm|glovebox/);
      }
    });

    test.each([
      ['a number', 'throw 42', '42'],
      ['null', 'throw null', 'null'],
      ['undefined', 'export default () => { throw undefined }', 'undefined'],
      ['an object', 'export default () => { throw { a: 1 } }', '{"a":1}'],
      ['an object whose getters throw', 'export default () => { throw { get message() { throw 1 }, toJSON() { throw 2 } } }', 'an object that cannot be described'],
      ['an error whose stack and message throw', 'export default () => { throw Object.defineProperties(new Error("x"), { stack: { get() { throw 1 } }, message: { get() { throw 1 } } }) }', ''],
      ['a proxy of an error', 'export default () => { throw new Proxy(new Error("x"), { get() { throw 1 } }) }', ''],
      ['an object that is no Error, at the top', 'throw { a: 1 }', 'an object that is no Error'],
    ])('may be no error: %s', async (_, source, message) => {
      expect(await rig.run(source)).toMatchObject({ cause: 'threw', error: { message } });
    });

    test('is a syntax error where it is no program', async () => {
      expect(await rig.run('export default [1,')).toMatchObject({ cause: 'threw', error: { name: 'SyntaxError', message: expect.stringContaining('program.js:1') } });
      expect(await rig.run('enum A { B }', { language: 'typescript' })).toMatchObject({ cause: 'threw', error: { name: 'SyntaxError', message: expect.stringContaining('enum') } });
      expect(await rig.run('const x: = 1', { language: 'typescript' })).toMatchObject({ cause: 'threw', error: { name: 'SyntaxError' } });
    });

    test('is also what was rejected and handled by nobody', async () => {
      expect(await rig.run('Promise.reject(new Error("nobody looked")); export default 1')).toMatchObject({ cause: 'threw', error: { message: 'nobody looked' } });
    });

    test('is an import, because there is nothing to import', async () => {
      expect(await rig.run('import fs from "node:fs"; export default 1')).toMatchObject({ cause: 'threw', error: { message: "Cannot find module 'node:fs': there are none in an isolate" } });
    });
  });

  describe('the console', () => {
    test('is heard in order, with its levels', async () => {
      rig.console.length = 0;
      await rig.run('console.log("a", 1, { b: [2] }); console.error(new Map([[1, 2]])); await null; console.warn(undefined, null, 3n, () => 1)');
      expect(rig.console).toEqual([
        { level: 'log', text: 'a 1 {"b":[2]}' },
        { level: 'error', text: 'Map(1) [[1,2]]' },
        { level: 'warn', text: 'undefined null 3n [function]' },
      ]);
    });

    test('is heard up to where the program was ended', async () => {
      rig.console.length = 0;
      expect((await rig.run('console.log("before"); for (;;);', { limits: { wallMs: 500 } })).cause).toBe('timeout');
      expect(rig.console).toEqual([{ level: 'log', text: 'before' }]);
    });
  });

  describe('what is too much ends with what it ran into, and the next call runs', () => {
    // Where two limits are near each other, either may be met first.
    const THREW_OR_MEMORY = 'threw or memory';
    const cases: readonly (readonly [string, JavaScriptCause | typeof THREW_OR_MEMORY, string, RunOptions?])[] = [
      ['a loop', 'timeout', 'for (;;);'],
      ['a promise that never settles', 'timeout', 'export default await new Promise(() => {})'],
      ['a default export that never settles', 'timeout', 'export default () => new Promise(() => {})'],
      ['microtasks without end', 'timeout', '(function f() { Promise.resolve().then(f) })()'],
      ['a regular expression', 'timeout', '/(a+)+$/.test("a".repeat(40) + "b")'],
      ['Atomics.wait', 'timeout', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'],
      ['a promise of a race that nobody wins', 'timeout', 'export default await Promise.race([])'],
      ['a loop while the result is taken', 'timeout', 'export default { toJSON() { for (;;); } }'],
      ['a loop while an error is described', 'timeout', 'export default () => { throw { toJSON() { for (;;); } } }'],
      ['a loop in Error.prepareStackTrace', 'timeout', 'Error.prepareStackTrace = () => { for (;;); }; export default () => { throw new Error("x") }'],
      ['CPU time', 'cpu_time', 'for (;;);', { limits: { wallMs: 20_000, cpuMs: 300 } }],
      ['a heap of strings', 'memory', 'const a = []; for (let i = 0; ; i++) a.push("x" + i)'],
      ['a heap of arrays', 'memory', 'const a = []; for (;;) a.push(new Array(1e5).fill(1.5))'],
      ['a map', 'memory', 'const m = new Map(); for (let i = 0; ; i++) m.set(i, i)'],
      ['a heap that grows too quickly to be stopped', 'memory', 'JSON.stringify(Array(1e9).fill("x"))'],
      ['a deep JSON', 'memory', 'JSON.parse("[".repeat(1e7))'],
      ['console lines', 'output', 'for (;;) console.log("x".repeat(1000))'],
      ['one console line', 'output', 'console.log("x".repeat(2e6))'],
      ['one result', 'output', 'export default "x".repeat(3e6)'],
      ['a result larger than the heap', 'memory', 'export default "x".repeat(1e8)'],
      ['a result of many bytes and few characters', 'output', 'export default "\\u20ac".repeat(5e5)'],
      ['array buffers', 'threw', 'const a = []; for (;;) a.push(new ArrayBuffer(1e6))'],
      ['shared array buffers', THREW_OR_MEMORY, 'const a = []; for (;;) a.push(new SharedArrayBuffer(1e6))'],
      ['one large array buffer', 'threw', 'new BigUint64Array(2 ** 27)'],
      ['one large WebAssembly memory', 'threw', 'new WebAssembly.Memory({ initial: 1600 })'],
      ['many WebAssembly memories', THREW_OR_MEMORY, 'const a = []; for (;;) { const m = new WebAssembly.Memory({ initial: 160 }); new Uint8Array(m.buffer).fill(1); a.push(m) }'],
      ['a stack', 'threw', '(function f() { return f() + 1 })()'],
      ['a BigInt', 'threw', '2n ** (2n ** 40n)'],
    ];
    test.each(cases.map(([name, cause, source, options]) => [name, cause, source, options ?? { limits: { wallMs: cause === 'timeout' ? 300 : 60_000 } }] as const))('%s: %s', async (_, cause, source, options) => {
      const end = await rig.run(source, options);
      expect(cause.split(' or '), JSON.stringify(end)).toContain(end.cause);
      expect(end).not.toHaveProperty('result');
      expect((await rig.run('export default "next"')).result).toBe('next');
    });

    test('a source too large to be one is refused before a child sees it', async () => {
      expect(await rig.run('x'.repeat(9 * MIB))).toMatchObject({ cause: 'not_started', error: { name: 'RangeError' } });
    });

    test('a source of megabytes runs', async () => {
      expect((await rig.run(`/* ${'x'.repeat(4 * MIB)} */ export default 1`)).result).toBe(1);
    });
  });

  describe('cancelling', () => {
    test('ends a program that runs', async () => {
      const stop = new AbortController();
      const end = await rig.run('console.log("going"); for (;;);', { signal: stop.signal, onConsole: () => stop.abort() });
      expect(end.cause).toBe('cancelled');
    });

    test('before it began is an end as well', async () => {
      expect((await rig.run('export default 1', { signal: AbortSignal.abort() })).cause).toBe('cancelled');
    });

    test('one that waits for a child lets the others wait on', async () => {
      await using small = new IsolateRig({ place, maxChildren: 1 });
      const first = small.run('for (;;);', { limits: { wallMs: 1500 } });
      const stop = new AbortController();
      const second = small.run('export default 2', { signal: stop.signal });
      const third = small.run('export default 3');
      stop.abort();
      expect((await second).cause).toBe('cancelled');
      expect((await third).result).toBe(3);
      expect((await first).cause).toBe('timeout');
    });
  });

  describe('children', () => {
    test('a hundred calls at once all end, each with its own result', async () => {
      const ends = await Promise.all(Array.from({ length: 100 }, (_, i) => rig.run(`export default ${i}`)));
      expect(ends.map(({ result }) => result)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    });

    test('one that dies takes no other call with it', async () => {
      await using own = new IsolateRig({ place, maxChildren: 3 });
      const sources = ['export default 1', 'JSON.stringify(Array(1e9).fill("x"))', 'export default 3', 'for (;;);', 'export default 5', 'export default 6'];
      const ends = await Promise.all(sources.map((source) => own.run(source, { limits: { wallMs: source.startsWith('for') ? 1000 : 20_000 } })));
      expect(ends.map(({ cause }) => cause)).toEqual(['returned', 'memory', 'returned', 'timeout', 'returned', 'returned']);
    });

    test('those of an owner that has gone are ended, with what runs in them', async () => {
      await using own = new IsolateRig({ place });
      const started = Promise.withResolvers<void>();
      const running = own.run('console.log("going"); for (;;);', { owner: 'a', onConsole: () => started.resolve() });
      await started.promise;
      await own.pool.release('a');
      expect(await running).toMatchObject({ cause: 'lost', error: { message: 'its child was ended' } });
      expect(own.pool.size).toBe(0);
      expect(await own.remains()).toEqual([]);
    });
  });
}

/** Of children that have a sandbox each. */
export function sandboxedIsolateSuite(place: Kind): void {
  test('a sandbox holds one child, which serves one owner, and has no more than it needs', async () => {
    await using own = new IsolateRig({ place, maxChildren: 1 });
    for (const owner of ['a', 'a', 'b']) expect((await own.run('export default 1', { owner })).result).toBe(1);
    expect(own.sandboxes).toHaveLength(2);
    const [first, second] = own.sandboxes;
    await first?.gone;
    const node = await shell(second as Sandbox, 'for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; echo; done; tr "\\0" "\\n" < /proc/self/environ; cat /proc/net/dev');
    expect(node.stdout.match(/^\S*node .*--permission.* \S*isolate\/child\/main/gm)).toHaveLength(1);
    expect(node.stdout.match(/^\s*\w+:(?=[\s\d]+$)/gm)).toEqual([expect.stringContaining('lo:')]);
  });

  test('a sandbox that goes away takes its call with it, and the next call has another', async () => {
    await using own = new IsolateRig({ place });
    const started = Promise.withResolvers<void>();
    const running = own.run('console.log("going"); for (;;);', { onConsole: () => started.resolve() });
    await started.promise;
    await own.sandboxes[0]?.destroy();
    expect(await running).toMatchObject({ cause: 'lost' });
    expect((await own.run('export default "next"')).result).toBe('next');
    expect(own.sandboxes).toHaveLength(2);
  });

  test('closing while a sandbox is being made leaves none', async () => {
    const own = new IsolateRig({ place });
    const running = own.run('export default 1').catch((error: unknown) => error);
    await own.pool[Symbol.asyncDispose]();
    expect(await running).toMatchObject({ code: 'cancelled' });
    expect(await own.remains()).toEqual([]);
    await own[Symbol.asyncDispose]();
  });
}
