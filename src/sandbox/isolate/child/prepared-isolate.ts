import ivm from 'isolated-vm';
import { BOOTSTRAP, PREPARATION, WARM_UP } from './bootstrap.ts';

/** What a program says: `kind` is a console level, `ask`, or how it ended. */
export type Said = (kind: string, text: string, extra: string) => void;

const MIB = 2 ** 20;
/** Of isolated-vm. */
const LEAST_MIB = 8;

const FINISH = 'glovebox:finish';
const ENTRY = `import { finish } from '${FINISH}'; import * as program from 'glovebox:program'; finish(program, true);`;
/** Our own code, in stacks. */
const filename = '<glovebox>';

/** What every isolate begins with. It is made once, of our own code alone, and before any program runs here. */
const SNAPSHOT = ivm.Isolate.createSnapshot([{ code: PREPARATION, filename }], WARM_UP);

type Part = ivm.Reference<(...args: unknown[]) => unknown>;

/**
 * An isolate with our first code in it, which no program has run in yet. It serves one call. Everything in it runs on the thread that asks: on another it would live on
 * after its end, and hold addresses that the next one needs.
 */
export class PreparedIsolate {
  readonly memoryBytes: number;
  readonly maxTextLength: number;
  /** Functions of the first code. They never leave the isolate: these are references of ours to them. */
  readonly install: Part;
  readonly settle: Part;
  readonly finish: Part;
  readonly #isolate: ivm.Isolate;
  readonly #context: ivm.Context;
  readonly #finishModule: ivm.Module;
  readonly #entry: ivm.Module;
  /** Whose call it is. Nothing is said before there is one. */
  said: Said = () => undefined;

  /** `maxTextLength` is the longest text, in characters, that can come out of it. */
  constructor(memoryBytes: number, maxTextLength: number) {
    this.memoryBytes = memoryBytes;
    this.maxTextLength = maxTextLength;
    this.#isolate = new ivm.Isolate({ snapshot: SNAPSHOT, memoryLimit: Math.max(LEAST_MIB, Math.ceil(memoryBytes / MIB)) });
    this.#context = this.#isolate.createContextSync();
    // The only way out: a function that takes text, and throws nothing, because an error of ours would carry our stack.
    const say = new ivm.Callback(
      (kind: unknown, text: unknown, extra: unknown) => {
        if (typeof kind === 'string' && typeof text === 'string' && typeof extra === 'string') this.said(kind, text, extra);
      },
      { sync: true },
    );
    const parts: ivm.Reference<Record<string, unknown>> = this.#context.evalClosureSync(BOOTSTRAP, [say, maxTextLength], { filename, result: { reference: true } });
    const part = (name: string): Part => parts.getSync(name, { reference: true }) as Part;
    [this.install, this.settle, this.finish] = [part('install'), part('settle'), part('finish')];
    this.#context.global.setSync('finish', this.finish.derefInto());
    this.#finishModule = this.#isolate.compileModuleSync('export const finish = globalThis.finish; delete globalThis.finish;', { filename });
    this.#finishModule.instantiateSync(this.#context, () => this.#finishModule);
    this.#finishModule.evaluateSync();
    this.#entry = this.#isolate.compileModuleSync(ENTRY, { filename });
  }

  /** A module of ours waits for the program's, and hands its exports to `finish` inside the isolate. Errors: what it throws at once. */
  runModule(source: string, fileName: string, timeout: number): void {
    const program = this.#isolate.compileModuleSync(source, { filename: fileName });
    const [missing] = program.dependencySpecifiers;
    if (missing !== undefined) throw new Error(`Cannot find module '${missing.slice(0, 200)}': there are none in an isolate`);
    this.#entry.instantiateSync(this.#context, (specifier) => (specifier === FINISH ? this.#finishModule : program));
    this.#entry.evaluateSync({ timeout });
  }

  /** Hands the value of its last statement to `finish`. Errors: what it throws. */
  runScript(source: string, fileName: string, timeout: number): void {
    const script = this.#isolate.compileScriptSync(source, { filename: fileName });
    const value = script.runSync(this.#context, { timeout, reference: true });
    this.finish.applySync(undefined, [value.derefInto(), false], { timeout });
  }

  get isDisposed(): boolean {
    return this.#isolate.isDisposed;
  }

  /** What its heap holds, array buffers included. */
  get heapBytes(): number {
    if (this.isDisposed) return this.memoryBytes;
    const heap = this.#isolate.getHeapStatisticsSync();
    return heap.used_heap_size + heap.externally_allocated_size;
  }

  dispose(): void {
    if (!this.isDisposed) this.#isolate.dispose();
  }
}
