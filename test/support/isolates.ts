import type { ConsoleLine, JavaScriptEnd, JavaScriptLimits, JavaScriptSpec, Sandbox, Sandboxes } from '../../src/contracts/index.ts';
import { IsolatePool } from '../../src/sandbox/isolate/index.ts';
import { AvailableSandboxes } from '../../src/sandbox/sandboxes.ts';
import { ids } from './sandbox-commands.ts';
import { type Kind, openWorld } from './sandbox-kinds.ts';
import type { SandboxWorld } from './sandbox-world.ts';

/** For tests in which no limit is to be met. */
const ROOMY: JavaScriptLimits = { wallMs: 20_000, memoryBytes: 64 * 2 ** 20, outputBytes: 2 ** 20 };

export type RunOptions = Partial<Omit<JavaScriptSpec, 'limits' | 'source'>> & { readonly limits?: Partial<JavaScriptLimits> };

/** A pool with one way to call it, and what the program wrote. */
export class IsolateRig implements AsyncDisposable {
  readonly pool: IsolatePool;
  readonly console: ConsoleLine[] = [];
  /** Of its children, in the order in which they were made. */
  readonly sandboxes: Sandbox[] = [];
  readonly #world: SandboxWorld | undefined;
  readonly #sandbox: Pick<JavaScriptSpec, 'sandbox'>;

  /** Children are processes of this one, or in sandboxes of a kind, in a world of their own. */
  constructor({ place = 'host', ...options }: { place?: 'host' | Kind; maxChildren?: number; ready?: number } = {}) {
    this.#world = place === 'host' ? undefined : openWorld(place);
    this.#sandbox = place === 'host' ? {} : { sandbox: { kinds: [place], hardLimits: false } };
    const sandboxed = this.#world === undefined ? {} : { sandboxed: { sandboxes: this.#recorded(new AvailableSandboxes([this.#world.driver])), ids } };
    this.pool = new IsolatePool({ searchPath: process.env['PATH'] ?? '', ...sandboxed, ...options });
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
      ...this.#sandbox,
      ...options,
      limits: { ...ROOMY, ...options.limits },
    });
  }

  /** What there is of sandboxes; nothing where there is no world for them. */
  async remains(): Promise<readonly string[]> {
    return (await this.#world?.remains()) ?? [];
  }

  #recorded(sandboxes: Pick<Sandboxes, 'create'>): Pick<Sandboxes, 'create'> {
    return {
      create: async (...asked) => {
        const sandbox = await sandboxes.create(...asked);
        this.sandboxes.push(sandbox);
        return sandbox;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool[Symbol.asyncDispose]();
    await this.#world?.[Symbol.asyncDispose]();
  }
}
