import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { IsolateRig } from '../support/isolates.ts';
import { runCarelessly } from './careless-context.ts';

// Ways out of sandboxes for JavaScript that were published, as shapes. Each is a program that evaluates to "escaped" once it holds something
// of the host's, and each is seen to do so in a place that was made without care.
const rig = new IsolateRig();
afterAll(() => rig[Symbol.asyncDispose]());
const pollution = ['polluted', 'by', 'toJSON', 'then'] as const;
afterEach(() => {
  for (const name of pollution) Reflect.deleteProperty(Object.prototype, name);
  Reflect.deleteProperty(Array.prototype, 'polluted');
});

/** `reached(f)` is whether `f`, or its constructor, makes functions that see a process of node. */
const PRELUDE = `
  const reached = (f) => {
    for (const make of [f, f?.constructor, f?.constructor?.constructor]) {
      try { if (typeof make('return typeof process === "object" && process.version')() === 'string') return 'escaped'; } catch {}
    }
    return 'held';
  };
  const any = (values) => values.some((value) => reached(value) === 'escaped') ? 'escaped' : 'held';
`;

const ours = {
  functions: {
    'files.read': ([path]: readonly unknown[]): Promise<unknown> => (path === 'missing' ? Promise.reject(new Error('no such file')) : Promise.resolve('text')),
  },
  args: [{ by: 'reference' }],
  form: 'script',
} as const;

const ESCAPES: Readonly<Record<string, string>> = {
  'the constructor of the global object': 'any([globalThis, this, globalThis.constructor])',
  'the constructor of a host function (console)': 'any([console.log, console])',
  'the constructor of a host function (granted)': 'any([files.read, files])',
  'the constructor of what was passed in': 'any([args, args[0]])',
  'the constructor of what a host function gives': 'files.read("a").then ? any([files.read("a"), files.read("a").then]) : "held"',
  'an error of the host, caught (CVE-2023-29199, CVE-2023-32314)': '(async () => { try { await files.read("missing") } catch (error) { return any([error, error.constructor]) } })()',
  'an error of the host, by a handler of the promise (CVE-2023-37466)': 'files.read("missing").then(() => "held", (error) => reached(error))',
  'a subclass of the promise of the host (Symbol.species, CVE-2023-37466)': `(async () => {
    let found = 'held';
    const promise = files.read('missing');
    promise.constructor = { [Symbol.species]: class { constructor(executor) { executor(() => {}, (error) => { found = any([error, executor]) }); } } };
    try { promise.then(); } catch (error) { found = any([error]); }
    try { await promise } catch (error) { if (found !== 'escaped') found = any([error, Object.getPrototypeOf(promise).constructor]) }
    return found;
  })()`,
  'a stack overflow in a function of the host': `
    let found = 'held';
    const dive = () => { try { dive(); } catch (error) { try { console.log(error); } catch (inner) { if (any([inner]) === 'escaped') found = 'escaped'; } if (any([error]) === 'escaped') found = 'escaped'; } };
    try { dive(); } catch (error) { found = any([error]) }
    found === 'escaped' ? found : any([console.log, files.read])`,
  'the inspect hook of node (CVE-2023-37903)': `
    let found = 'held';
    console.log({ [Symbol.for('nodejs.util.inspect.custom')]: (depth, options, inspect) => { found = any([options, inspect]); return '' } });
    found`,
  'the caller of a function that the host calls': `
    let found = 'held';
    const spy = function () { try { found = any([spy.caller, arguments.callee.caller]) } catch {} return 'x' };
    console.log({ get a() { return spy() }, [Symbol.for('nodejs.util.inspect.custom')]: spy, toJSON: spy, toString: spy });
    found === 'escaped' ? found : any([console.log])`,
  'a proxy whose traps are given things of the host': `
    const seen = [];
    const spy = new Proxy({}, { get: (_, ...all) => { seen.push(...all); return undefined }, apply: (...all) => { seen.push(...all) }, ownKeys: (...all) => { seen.push(...all); return [] }, getPrototypeOf: (...all) => { seen.push(...all); return null } });
    console.log(spy, { [Symbol.for('nodejs.util.inspect.custom')](...all) { seen.push(...all); return '' } });
    any(seen)`,
  'methods of arrays that were replaced': `
    const seen = [];
    for (const name of ['push', 'map', 'filter', 'slice', 'concat', 'forEach', 'join', Symbol.iterator]) {
      const original = Array.prototype[name];
      Array.prototype[name] = function (...all) { seen[seen.length] = this; for (let i = 0; i < all.length; i++) seen[seen.length] = all[i]; return Reflect.apply(original, this, all) };
    }
    console.log('a', { b: 1 }); files.read('a');
    let found = 'held';
    for (let i = 0; i < seen.length; i++) if (reached(seen[i]) === 'escaped') found = 'escaped';
    found === 'escaped' ? found : any([console.log])`,
};

describe.each(Object.entries(ESCAPES))('%s', (_, program) => {
  test('leads out of a careless place', async () => {
    expect(await runCarelessly(PRELUDE + program)).toBe('escaped');
  });

  test('leads nowhere in an isolate of ours', async () => {
    expect(await rig.run(PRELUDE + program, ours)).toMatchObject({ cause: 'returned', result: 'held' });
  });
});

describe('pollution of prototypes', () => {
  const POLLUTE = 'Object.getPrototypeOf(args[0]).polluted = 1; Object.getPrototypeOf(args).polluted = 1; ({ toJSON: undefined })';

  test('reaches a careless host through what it passed in', async () => {
    await runCarelessly(POLLUTE);
    expect(({} as { polluted?: number }).polluted).toBe(1);
  });

  test('stays in an isolate of ours, and comes out with no result', async () => {
    await rig.run(POLLUTE, ours);
    const end = await rig.run(`export default JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')`);
    expect(end.cause).toBe('returned');
    expect(Object.getPrototypeOf(end.result)).toBe(Object.prototype);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(([] as { polluted?: number }).polluted).toBeUndefined();
  });

  test('of what our first code uses changes nothing of what it says', async () => {
    const source = `
      for (const name of ['get', 'set', 'value', 'resolve', 'reject', 'name', 'stack', 'default', '0', '1', '2']) Object.defineProperty(Object.prototype, name, { __proto__: null, set(value) { globalThis.caught ??= []; caught[caught.length] = typeof value }, get() { return undefined }, configurable: true });
      JSON.stringify = () => '"forged"'; JSON.parse = () => 'forged'; Promise = class {}; String.prototype.slice = () => 'forged'; Reflect.apply = () => 'forged';
      export default async () => [await files.read('a'), typeof caught]`;
    expect(await rig.run(source, { functions: ours.functions })).toMatchObject({ cause: 'returned', result: ['text', 'undefined'] });
  });
});

/** Everything that can be reached from the global object, by name and by prototype; what is of isolated-vm or of node is told. */
const WALK = `
  (() => {
    const seen = new Set(); const found = []; const queue = [['globalThis', globalThis]];
    while (queue.length > 0) {
      const [path, value] = queue.pop();
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue;
      seen.add(value);
      const names = Reflect.ownKeys(value);
      if (['applySync', 'derefInto', 'copyInto', 'createContextSync', 'compileScriptSync', 'evalSync', 'binding', 'dlopen', 'mainModule'].some((name) => names.includes(name))) found.push(path);
      queue.push([path + '.__proto__', Reflect.getPrototypeOf(value)]);
      for (const name of names) {
        const own = Reflect.getOwnPropertyDescriptor(value, name);
        for (const part of [own.value, own.get, own.set]) queue.push([path + '.' + String(name), part]);
      }
    }
    return found.length === 0 ? 'held' : 'escaped by ' + found[0];
  })()`;
const REFERENCE = `
  (() => { try { return leaked.constructor.name === 'Reference' && typeof new leaked.constructor({}).applySync === 'function' ? 'escaped' : 'held' } catch { return 'held' } })()`;
const LIBRARY = `
  (() => { try { return typeof new ivm.Reference({}).applySync === 'function' ? 'escaped' : 'held' } catch { return 'held' } })()`;

/** Published against vm2 (CVE-2023-29017, CVE-2022-36067): a call site hands out the function that was called, and what that closes over with it. */
const CALL_SITES = `
  (() => {
    const seen = [];
    Error.stackTraceLimit = Infinity;
    Error.prepareStackTrace = (_, sites) => { for (const site of sites) if (site.getFileName() === '<glovebox>') seen.push(site.getFunction(), site.getThis()); return '' };
    console.log(Object.defineProperty(new Error(), 'stack', { get() { new Error().stack; return 'x' } }));
    return seen.length === 0 ? 'not asked' : seen.some((value) => value !== undefined) ? 'escaped' : 'held';
  })()`;

describe('references of isolated-vm', () => {
  const program = fileURLToPath(new URL('./careless-isolate.ts', import.meta.url));
  const careless = async (...source: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--no-node-snapshot', '--disable-warning=ExperimentalWarning', program, ...source], { timeout: 30_000 });
    return stdout;
  };

  test.each([['found by a walk', WALK], ['made from one that leaked', REFERENCE], ['the library itself', LIBRARY]])('%s', async (_, source) => {
    expect(await careless(source)).toMatch(/^escaped/);
    expect(await rig.run(source, ours)).toMatchObject({ cause: 'returned', result: 'held' });
  });

  test('call sites of our first code, were it sloppy', async () => {
    expect(await careless(CALL_SITES, 'with our first code')).toBe('escaped');
    expect(await rig.run(CALL_SITES, ours)).toMatchObject({ cause: 'returned', result: 'held' });
  });

  test('there is nothing of node, and nothing of our first code, by name', async () => {
    const names = ['process', 'require', 'module', 'Buffer', 'fetch', 'setTimeout', 'queueMicrotask', 'ivm', 'finish', 'say', 'install', 'settle', 'global', 'escape.constructor("return process")'];
    const source = `export default ${JSON.stringify(names.slice(0, -1))}.filter((name) => name in globalThis)`;
    expect((await rig.run(source, { functions: ours.functions })).result).toEqual([]);
  });

  test('nothing of ours stands in a stack', async () => {
    const source = 'export default async () => { try { await files.read({ toJSON() { throw new Error("in ours") } }) } catch (error) { return error.stack } }';
    const { result } = await rig.run(source, { functions: ours.functions });
    expect(result).toMatch(/program\.js/);
    expect(result).not.toMatch(/\/|node:|isolated-vm/);
  });
});

describe('code that comes another way', () => {
  test.each([
    ['import()', 'export default await import("node:fs").then(() => "escaped", () => "held")'],
    ['import() of data', 'export default await import("data:text/javascript,export default 1").then(() => "escaped", () => "held")'],
    ['import() of what is ours', 'export default await import("glovebox:finish").then(() => "escaped", () => "held")'],
    ['import.meta', 'export default Reflect.ownKeys(import.meta).length === 0 ? "held" : "escaped"'],
    ['import() in a function made of text', 'export default await new Function("return import(\\"node:fs\\")")().then(() => "escaped", () => "held")'],
    ['ShadowRealm', 'export default typeof ShadowRealm === "undefined" ? "held" : "escaped"'],
    ['WebAssembly with imports of the global object', 'export default await WebAssembly.instantiate(new Uint8Array([0,97,115,109,1,0,0,0]), globalThis).then(() => "held")'],
    ['an async generator, whose return awaits', 'export default await (async function* () {})().return({ get then() { return (resolve) => resolve("held") } }).then(({ value }) => value)'],
  ])('%s', async (_, source) => {
    expect(await rig.run(source)).toMatchObject({ cause: 'returned', result: 'held' });
  });
});
