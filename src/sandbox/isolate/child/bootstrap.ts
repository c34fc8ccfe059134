/** The first code in each isolate. It runs beside hostile code, so it keeps what it needs of the language from before that came, and gives out functions of its own alone. */
type Say = (kind: string, text: string, extra: string) => void;

interface WasmParts {
  readonly Module: new (bytes: unknown) => object;
  readonly Instance: new (module: object, imports?: unknown) => object;
  compile: (bytes: unknown) => Promise<object>;
  instantiate: (source: unknown, imports?: unknown) => Promise<object>;
}

/**
 * Strict throughout: a call site of a strict function hands out neither the function nor its `this`. It may use nothing from outside of itself, for
 * only its text goes into the isolate. All that passes `say` is text.
 */
// oxlint-disable-next-line max-lines-per-function -- its text has to be whole
function bootstrap(say: Say, maxTextLength: number): object {
  'use strict';
  const { parse, stringify } = JSON;
  const { apply, defineProperty } = Reflect;
  const { slice } = String.prototype;
  const { map } = Array.prototype;
  const { isView } = ArrayBuffer;
  const [AnyError, AnyPromise, AnyMap, AnySet, AnyWeakMap, AnyWeakSet, AnyBuffer, AnyType] = [Error, Promise, Map, Set, WeakMap, WeakSet, ArrayBuffer, TypeError];
  const { isFinite: isFiniteNumber } = Number;
  const isSafe = Number.isSafeInteger;
  const toText = String;
  const { create } = Object;

  const cut = (text: string, length: number): string => (text.length > length ? apply(slice, text, [0, length]) : text);
  const sayWhat = (value: unknown): string => {
    if (value === null) return 'null';
    if (typeof value !== 'object') return `a ${typeof value}`;
    if (value instanceof AnyMap) return 'a Map';
    if (value instanceof AnySet) return 'a Set';
    if (value instanceof AnyWeakMap || value instanceof AnyWeakSet) return 'a weak collection';
    if (value instanceof AnyPromise) return 'a Promise';
    if (value instanceof AnyBuffer || isView(value)) return 'binary data';
    return '';
  };
  /** JSON drops functions and makes {} of maps without a word; whoever returned one is told instead. */
  const onlyJson = (key: string, value: unknown): unknown => {
    if (typeof value === 'string' || typeof value === 'boolean' || value === null || value === undefined) return value;
    if (typeof value === 'number') {
      if (isFiniteNumber(value)) return value;
      throw new AnyType(`${key === '' ? 'it' : `"${cut(key, 100)}"`} is ${toText(value)}, and JSON has no such number`);
    }
    const what = sayWhat(value);
    if (what !== '') throw new AnyType(`${key === '' ? 'it' : `"${cut(key, 100)}"`} is ${what}, and JSON has none`);
    return value;
  };
  const property = (value: object, name: string): string | undefined => {
    try {
      const found: unknown = (value as Record<string, unknown>)[name];
      return typeof found === 'string' ? found : undefined;
    } catch {
      return undefined;
    }
  };
  /** What was thrown, as text; whatever its getters do. */
  const describe = (thrown: unknown): string => {
    let [name, message, stack]: (string | undefined)[] = ['Error', undefined, undefined];
    try {
      if (typeof thrown === 'object' && thrown !== null && thrown instanceof AnyError) {
        [name, message, stack] = [property(thrown, 'name') ?? 'Error', property(thrown, 'message') ?? '', property(thrown, 'stack')];
      } else {
        name = 'thrown';
        message = typeof thrown === 'string' ? thrown : typeof thrown === 'object' && thrown !== null ? (stringify(thrown) ?? 'an object') : toText(thrown);
      }
    } catch {
      message = 'an object that cannot be described';
    }
    return stringify({ name: cut(name ?? 'Error', 200), message: cut(message ?? '', 8192), ...(stack === undefined ? {} : { stack: cut(stack, 16_384) }) });
  };
  const shown = (value: unknown): string => {
    if (typeof value === 'string') return value;
    try {
      if (typeof value === 'object' && value !== null) {
        if (value instanceof AnyError) return property(value, 'stack') ?? property(value, 'message') ?? 'Error';
        if (value instanceof AnyMap) return `Map(${value.size}) ${shown([...value])}`;
        if (value instanceof AnySet) return `Set(${value.size}) ${shown([...value])}`;
        return stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : typeof inner === 'function' ? '[function]' : inner)) ?? '[object]';
      }
      return typeof value === 'function' ? '[function]' : typeof value === 'bigint' ? `${value}n` : toText(value);
    } catch {
      return '[object]';
    }
  };

  const lines: Record<string, unknown> = {};
  for (const level of ['debug', 'log', 'info', 'warn', 'error'] as const) {
    lines[level] = (...values: unknown[]): void => {
      let text = '';
      for (let i = 0; i < values.length && text.length <= maxTextLength; i++) text += (i === 0 ? '' : ' ') + shown(values[i]);
      // One character more than may be said, so that the host sees that it was too much.
      say(level, cut(text, maxTextLength + 1), '');
    };
  }
  defineProperty(globalThis, 'console', { value: lines, writable: true, configurable: true });

  // What is done on another thread is never heard of here: these are done at once, and what can only wait is not there.
  const wasm = (globalThis as unknown as { WebAssembly: WasmParts }).WebAssembly;
  const { Module: WasmModule, Instance: WasmInstance } = wasm;
  wasm.compile = async (bytes) => new WasmModule(bytes);
  wasm.instantiate = async (source, imports) => {
    if (source instanceof WasmModule) return new WasmInstance(source, imports);
    const module = new WasmModule(source);
    return { module, instance: new WasmInstance(module, imports) };
  };
  Reflect.deleteProperty(Atomics, 'waitAsync');

  const waiting: Record<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }> = create(null);
  let asked = 0;
  const hostFunction =
    (name: string) =>
    (...args: unknown[]): Promise<unknown> =>
      new AnyPromise((resolve, reject) => {
        const text = stringify(args, onlyJson);
        if (text.length > maxTextLength) throw new AnyType(`the arguments of ${name} are too large`);
        asked += 1;
        waiting[asked] = { resolve, reject };
        say('ask', text, `${asked} ${name}`);
      });

  /** `fetch`: what comes is data, and can be asked for its text as an answer of the web's is. */
  const answering =
    (call: (...args: unknown[]) => Promise<unknown>) =>
    async (url: unknown, init?: unknown): Promise<unknown> => {
      const answer = (await call(toText(url), init)) as { body: string };
      const { body } = answer;
      defineProperty(answer, 'text', { value: async () => body });
      defineProperty(answer, 'json', { value: async () => parse(body) as unknown });
      return answer;
    };

  return {
    install(args: string, functions: string): void {
      defineProperty(globalThis, 'args', { value: parse(args), writable: true, configurable: true });
      const groups: Record<string, Record<string, unknown>> = create(null);
      apply(map, parse(functions), [
        (path: string) => {
          let dot = 0;
          while (dot < path.length && path[dot] !== '.') dot += 1;
          if (dot === path.length) {
            defineProperty(globalThis, path, { value: answering(hostFunction(path)), writable: true, configurable: true });
            return;
          }
          const group = cut(path, dot);
          if (groups[group] === undefined) {
            groups[group] = {};
            defineProperty(globalThis, group, { value: groups[group], writable: true, configurable: true });
          }
          defineProperty(groups[group], apply<string, [number], string>(slice, path, [dot + 1]), { value: hostFunction(path), enumerable: true });
        },
      ]);
    },
    async finish(value: unknown, isModule: boolean): Promise<void> {
      let result: unknown;
      try {
        // A namespace: a module need not have a default export.
        result = isModule ? (value as { default?: unknown }).default : value;
        result = await result;
        if (typeof result === 'function') result = await result(...((globalThis as { args?: unknown[] }).args ?? []));
      } catch (error) {
        say('threw', describe(error), '');
        return;
      }
      let text: string | undefined;
      try {
        text = stringify(result, onlyJson);
      } catch (error) {
        say('unclonable', describe(error), '');
        return;
      }
      if (text === undefined) say('undefined', '', '');
      else if (text.length > maxTextLength) say('output', '', '');
      else say('returned', text, '');
    },
    settle(id: number, ok: boolean, text: string): void {
      const promise = isSafe(id) ? waiting[id] : undefined;
      if (promise === undefined) return;
      delete waiting[id];
      if (ok) promise.resolve(text === '' ? undefined : parse(text));
      else promise.reject(new AnyError(text));
    },
  };
}

/** Each isolate begins with it, compiled, under a name that is gone before any program comes. */
export const PREPARATION = `globalThis.bootstrap = ${String(bootstrap)};`;
/** Runs it once, so that it is compiled. Where snapshots are made there is no WebAssembly; nothing of this stays. */
export const WARM_UP = 'globalThis.WebAssembly = { Module: class {}, Instance: class {} }; const parts = bootstrap(() => undefined, 1); parts.install("[]", "[]"); parts.finish({ default: 1 }, true);';
/** For `evalClosure`: `$0` is `say`, `$1` how long a text may be. */
export const BOOTSTRAP = 'const { bootstrap } = globalThis; delete globalThis.bootstrap; return bootstrap($0, $1);';
