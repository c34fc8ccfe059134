import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { GloveboxError } from '../../contracts/index.ts';
import type { Clock, IdSource, Sandbox, SandboxSpec } from '../../contracts/index.ts';
import { deadlineSignal } from '../deadline.ts';

const DEADLINE_MS = 60_000;
const COMMAND_MS = 10_000;
const SPEC: SandboxSpec = {
  image: 'base',
  limits: { cpu: 1, memoryBytes: 256 * 2 ** 20, pids: 128, diskBytes: 16 * 2 ** 20, inodes: 1000, openFiles: 256 },
  graceMs: 30_000,
};

/** What everyday programs need of a runtime, and old ones are known to break. */
const COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ['/bin/true'],
  ['ls', '/'],
  ['stat', '/etc/passwd'],
  ['sh', '-c', 'sleep 0.01 & wait; echo a > f && cp f g && cmp f g'],
  ['git', '--version'],
];

/** An upgrade is seen by the runtime's description where the engine is local; elsewhere a failure is tried again after so long. */
const FAILURE_HOLDS_MS = 3600_000;

const resultsShape = z.record(z.string(), z.strictObject({ failure: z.string(), testedMs: z.number() }));
type Results = z.output<typeof resultsShape>;

interface SelfTestOptions {
  readonly stateDir: string;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly create: (spec: SandboxSpec, signal?: AbortSignal) => Promise<Sandbox>;
}

/** Tries whether ordinary programs work on a runtime: one that is merely registered may be too old to run `ls`. */
export class RuntimeSelfTest {
  readonly #options: SelfTestOptions;

  constructor(options: SelfTestOptions) {
    this.#options = options;
  }

  /** What failed; undefined when all is well. Remembered in the state folder for each `runtime`, by whatever tells one version of it from another. */
  async failure(runtime: string, signal?: AbortSignal): Promise<string | undefined> {
    const results = this.#remembered();
    const earlier = results[runtime];
    const now = this.#options.clock.now();
    if (earlier !== undefined && (earlier.failure === '' || Math.abs(now - earlier.testedMs) < FAILURE_HOLDS_MS)) return earlier.failure === '' ? undefined : earlier.failure;
    const failure = await this.#run(signal);
    this.#remember({ ...results, [runtime]: { failure: failure ?? '', testedMs: now } });
    return failure;
  }

  async #run(signal?: AbortSignal): Promise<string | undefined> {
    const deadline = deadlineSignal(DEADLINE_MS, signal);
    try {
      await using sandbox = await this.#options.create(SPEC, deadline);
      for (const argv of COMMANDS) {
        const command = sandbox.exec({ id: this.#options.ids.next('cmd'), argv, limits: { wallMs: COMMAND_MS } });
        let said = '';
        for await (const { bytes } of command.output) said += bytes.toString('utf8');
        const { cause, exitCode } = await command.end;
        if (exitCode !== 0) return `its runsc fails its self-test and is not used: \`${argv.join(' ')}\` ended with ${exitCode ?? cause} (${said.trim().slice(0, 200)}); install a current gVisor`;
      }
      return undefined;
    } catch (error) {
      if (!deadline.aborted || signal?.aborted === true) throw error;
      throw new GloveboxError('deadline', `its runsc did not get through its self-test within ${DEADLINE_MS / 1000} s`, { cause: error });
    }
  }

  get #file(): string {
    return join(this.#options.stateDir, 'runtime-self-tests.json');
  }

  #remembered(): Results {
    try {
      return resultsShape.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch {
      // Never written, or by another version: the test is run again.
      return {};
    }
  }

  #remember(results: Results): void {
    mkdirSync(this.#options.stateDir, { recursive: true, mode: 0o700 });
    writeFileSync(this.#file, JSON.stringify(results), { mode: 0o600 });
  }
}
