import type { ConsoleLine, JavaScriptEnd, JavaScriptLimits, JavaScriptSpec } from '../../src/contracts/index.ts';
import { IsolatePool } from '../../src/sandbox/isolate/index.ts';

/** For tests in which no limit is to be met. */
const ROOMY: JavaScriptLimits = { wallMs: 20_000, memoryBytes: 64 * 2 ** 20, outputBytes: 2 ** 20 };

export type RunOptions = Partial<Omit<JavaScriptSpec, 'limits' | 'source'>> & { readonly limits?: Partial<JavaScriptLimits> };

/** A pool with one way to call it, and what the program wrote. */
export class IsolateRig implements AsyncDisposable {
  readonly pool: IsolatePool;
  readonly console: ConsoleLine[] = [];

  constructor(options: { maxChildren?: number; ready?: number } = {}) {
    this.pool = new IsolatePool({ searchPath: process.env['PATH'] ?? '', ...options });
  }

  run(source: string, options: RunOptions = {}): Promise<JavaScriptEnd> {
    return this.pool.run({
      owner: 'test',
      source,
      fileName: 'program.js',
      language: 'javascript',
      form: 'module',
      args: [],
      functions: {},
      onConsole: (line) => void this.console.push(line),
      ...options,
      limits: { ...ROOMY, ...options.limits },
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.pool[Symbol.asyncDispose]();
  }
}
