import { GloveboxError, randomIds, systemClock } from '../../../src/contracts/index.ts';
import type { Clock, CommandSpec, CreateOptions, LiveSandbox, RunningCommand, Sandbox, SandboxFiles, SandboxKind, SandboxPulse, SandboxSpec } from '../../../src/contracts/index.ts';
import type { Plan, Planner } from '../../../src/sandbox/pool/index.ts';

const ids = randomIds(systemClock);
const MiB = 2 ** 20;

export function specOf(change: Partial<SandboxSpec> = {}): SandboxSpec {
  return { image: 'base', graceMs: 30_000, ...change, limits: { cpu: 1, memoryBytes: 256 * MiB, pids: 64, diskBytes: MiB, inodes: 100, openFiles: 64, ...change.limits } };
}

/** A clock that a test sets. */
export class HandClock implements Clock {
  #now = 1_000_000;

  now(): number {
    return this.#now;
  }

  pass(ms: number): void {
    this.#now += ms;
  }
}

/** A sandbox with nothing in it, which remembers what it was made for and what became of it. */
export class FakeSandbox implements Sandbox {
  readonly id = ids.next('sbx');
  readonly kind: SandboxKind;
  readonly image: string;
  readonly limitsAre = 'hard';
  readonly workspaceIs = 'memory';
  readonly spec: SandboxSpec;
  /** What it was made under. */
  readonly policy: string | undefined;
  readonly ended = Promise.withResolvers<string>();
  env: Readonly<Record<string, string>> = {};
  commands = 0;
  alive = true;
  /** Does not answer pings, though it lives. */
  isStuck = false;
  failuresToDestroy = 0;

  constructor(kind: SandboxKind, spec: SandboxSpec, policy?: string) {
    this.policy = policy;
    this.kind = kind;
    this.image = spec.image;
    this.spec = spec;
  }

  get files(): SandboxFiles {
    throw new Error('it has no files');
  }

  get gone(): Promise<string> {
    return this.ended.promise;
  }

  serveNetwork(): void {}

  ping(): Promise<SandboxPulse> {
    if (!this.alive || this.isStuck) return Promise.reject(new GloveboxError('sandbox_lost', 'no answer'));
    return Promise.resolve({ initBytes: 1, processes: 1, commands: 0 });
  }

  setEnv(env: Readonly<Record<string, string>>): void {
    this.env = env;
  }

  exec(spec: CommandSpec): RunningCommand {
    this.commands += 1;
    return { id: spec.id } as RunningCommand;
  }

  command(): undefined {}

  pause(): Promise<void> {
    return Promise.resolve();
  }

  resume(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    if (this.failuresToDestroy > 0) {
      this.failuresToDestroy -= 1;
      return Promise.reject(new GloveboxError('engine_failed', 'the engine would not'));
    }
    this.die('destroyed');
    return Promise.resolve();
  }

  /** As when somebody kills it from outside. */
  die(why: string): void {
    this.alive = false;
    this.ended.resolve(why);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }
}

/** Makes fake sandboxes, at once or when the test says so; counts them. */
export class FakePlanner implements Planner {
  readonly made: FakeSandbox[] = [];
  /** What an image's name means now; one that is not here is missing. */
  readonly images = new Map([['base', 'sha256:1']]);
  /** What `make` fails with, while it is set. */
  failure: GloveboxError | undefined;
  /** While true, what is begun waits for `letGo`. */
  isHeld = false;
  making = 0;
  mostMaking = 0;
  plans = 0;
  #held: (() => void)[] = [];

  get alive(): FakeSandbox[] {
    return this.made.filter(({ alive }) => alive);
  }

  plan(kinds: readonly SandboxKind[], spec: SandboxSpec, options: CreateOptions = {}): Promise<Plan> {
    this.plans += 1;
    const image = this.images.get(spec.image);
    if (image === undefined) return Promise.reject(new GloveboxError('image_missing', `there is no ${spec.image}`));
    const kind = kinds[0] ?? 'container';
    return Promise.resolve({ identity: `${kind} ${options.hardLimits} ${image}`, make: (signal) => this.#make(() => new FakeSandbox(kind, { ...spec, image }, options.policy), signal) });
  }

  letGo(): void {
    for (const go of this.#held.splice(0)) go();
  }

  create(): Promise<Sandbox> {
    throw new Error('a pool makes what it planned');
  }

  status(): Promise<[]> {
    return Promise.resolve([]);
  }

  sweep(): Promise<[]> {
    return Promise.resolve([]);
  }

  list(): Promise<readonly LiveSandbox[]> {
    return Promise.resolve([]);
  }

  adopt(): Promise<Sandbox> {
    const sandbox = new FakeSandbox('container', specOf());
    this.made.push(sandbox);
    return Promise.resolve(sandbox);
  }

  async #make(make: () => FakeSandbox, signal: AbortSignal): Promise<Sandbox> {
    this.making += 1;
    this.mostMaking = Math.max(this.mostMaking, this.making);
    try {
      if (this.isHeld) await this.#wait(signal);
      signal.throwIfAborted();
      if (this.failure !== undefined) throw this.failure;
      const sandbox = make();
      this.made.push(sandbox);
      return sandbox;
    } finally {
      this.making -= 1;
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#held.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }
}
