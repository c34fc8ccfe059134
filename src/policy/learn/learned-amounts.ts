import type { DecisionRequest, SandboxKind, SandboxLimits, Spending } from '../../contracts/index.ts';
import { Evidence, type Seen, type Sighting, Sightings } from './evidence.ts';
import { LearnedPaths } from './learned-paths.ts';
import { literal } from './path-globs.ts';

type Of<A extends DecisionRequest['action']> = Extract<DecisionRequest, { action: A }>;

/** What sandboxes sessions asked for: images, kinds, and of each limit the most. */
export class LearnedSandbox {
  readonly evidence = new Evidence();
  readonly #images = new Sightings<string>();
  readonly #kinds = new Set<SandboxKind>();
  #limits: SandboxLimits | undefined;

  add({ image, kinds, limits }: Of<'session.open'>, sighting: Sighting): void {
    this.evidence.add(sighting);
    this.#images.add(image, sighting);
    for (const kind of kinds) this.#kinds.add(kind);
    this.#limits = this.#limits === undefined ? limits : most(this.#limits, limits);
  }

  get size(): number {
    return this.#images.size + this.#kinds.size;
  }

  /** By name; a policy's list of them has patterns. */
  get images(): readonly Seen<string>[] {
    return this.#images.all();
  }

  get kinds(): readonly SandboxKind[] {
    return [...this.#kinds];
  }

  /** Undefined where no session was opened. */
  get limits(): SandboxLimits | undefined {
    return this.#limits;
  }
}

/** Which models were asked, and what a session could have spent at most. */
export class LearnedModels {
  readonly evidence = new Evidence();
  readonly #names = new Sightings<string>();
  #spent: Spending = { usd: 0, tokens: 0, steps: 0 };

  add({ provider, model, spent, worstCase }: Of<'model.call'>, sighting: Sighting): void {
    this.evidence.add(sighting);
    this.#names.add(literal(`${provider}:${model}`), sighting);
    this.#spent = most(this.#spent, { usd: spent.usd + worstCase.usd, tokens: spent.tokens + worstCase.tokens, steps: spent.steps + worstCase.steps });
  }

  get size(): number {
    return this.#names.size;
  }

  get names(): readonly Seen<string>[] {
    return this.#names.all();
  }

  /** Rounded up, money to cents and tokens to thousands. */
  get budget(): Spending {
    const { usd, tokens, steps } = this.#spent;
    return { usd: Math.ceil(Number((usd * 100).toFixed(6))) / 100, tokens: Math.ceil(tokens / 1_000) * 1_000, steps };
  }
}

/** What left in patches. */
export class LearnedExport {
  readonly evidence = new Evidence();
  readonly #paths: LearnedPaths;
  #largest: { readonly files: number; readonly bytes: number } | undefined;

  constructor(byFolder: boolean) {
    this.#paths = new LearnedPaths(byFolder);
  }

  add({ paths, bytes }: Of<'export.patch'>, sighting: Sighting): void {
    this.evidence.add(sighting);
    for (const path of new Set(paths)) this.#paths.add(path, sighting);
    this.#largest = most(this.#largest ?? { files: 0, bytes: 0 }, { files: paths.length, bytes });
  }

  get size(): number {
    return this.#paths.size;
  }

  get paths(): readonly Seen<string>[] {
    return this.#paths.globs();
  }

  /** Undefined where nothing left. */
  get largest(): { readonly files: number; readonly bytes: number } | undefined {
    return this.#largest;
  }
}

/** Of each amount the greater. Both have the same amounts. */
function most<T extends object>(one: T, other: { readonly [K in keyof T]: number }): T {
  // Numbers under the same names as before.
  return Object.fromEntries(Object.entries(one).map(([name, amount]) => [name, Math.max(amount as number, other[name as keyof T])])) as T;
}
