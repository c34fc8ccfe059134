import { availableParallelism } from 'node:os';
import { canonicalJson, GloveboxError, type IdSource, type IsolateLoad, type Isolates, type JavaScriptEnd, type JavaScriptSpec, type Sandboxes } from '../../contracts/index.ts';
import { Confinement } from './confinement.ts';
import { HostPlace } from './host-place.ts';
import { IsolateChild } from './isolate-child.ts';
import type { Place } from './place.ts';
import { SandboxPlace } from './sandbox-place.ts';

/** More text than any program that is one; compiling it takes time and memory before anything is counted. */
const MAX_SOURCE_BYTES = 8 * 2 ** 20;
const MAX_ARGUMENT_BYTES = 16 * 2 ** 20;
const MAX_WAITING = 4096;

export interface IsolatePoolOptions {
  /** Where programs that confine a child are looked for. */
  readonly searchPath: string;
  /** Where children run that are to be in a sandbox; without, there are none of those. */
  readonly sandboxed?: { readonly sandboxes: Pick<Sandboxes, 'create'>; readonly ids: IdSource };
  /** Children at once, of all owners; each takes some 60 MiB. */
  readonly maxChildren?: number;
  /** Children that stand ready, for owners that have none yet. None before the first call. */
  readonly ready?: number;
}

/** What two calls have in common that could have the same child, and how it is started. */
type Wants = Pick<JavaScriptSpec, 'sandbox'> & { readonly limits: Pick<JavaScriptSpec['limits'], 'memoryBytes' | 'outputBytes'> };

interface Member {
  readonly child: IsolateChild;
  readonly wants: Wants;
  /** Nobody's until its first call. */
  owner: string | undefined;
  busy: boolean;
}

interface Waiter {
  readonly spec: JavaScriptSpec;
  readonly take: (member: Member) => void;
  readonly fail: (error: unknown) => void;
}

/** Children of this process, and whose they are. A child that served one owner never serves another. */
export class IsolatePool implements Isolates {
  readonly #options: IsolatePoolOptions & Required<Pick<IsolatePoolOptions, 'maxChildren' | 'ready'>>;
  readonly #members = new Set<Member>();
  readonly #waiting: Waiter[] = [];
  #confinement: Promise<Confinement> | undefined;
  readonly #starting = new Set<Promise<void>>();
  readonly #closed = new AbortController();

  constructor(options: IsolatePoolOptions) {
    this.#options = { maxChildren: Math.max(4, 2 * availableParallelism()), ready: 0, ...options };
  }

  async run(spec: JavaScriptSpec): Promise<JavaScriptEnd> {
    const refused = unfit(spec);
    if (refused !== undefined) return refused;
    if (spec.signal?.aborted === true) return neverRan('cancelled');
    const member = await this.#acquire(spec);
    if (member === undefined) return neverRan('cancelled');
    try {
      return await member.child.run(spec);
    } finally {
      // Another child serves the next call meanwhile.
      void member.child.prepared.then(() => this.#giveBack(member));
    }
  }

  async release(owner: string): Promise<void> {
    const own = [...this.#members].filter((member) => member.owner === owner);
    await Promise.all(own.map((member) => this.#end(member)));
  }

  load(): IsolateLoad {
    const busy = [...this.#members].filter((member) => member.busy).length;
    return { busy, idle: this.#members.size - busy, waiting: this.#waiting.length };
  }

  /** How many there are, for whoever measures. */
  get size(): number {
    return this.#members.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new GloveboxError('cancelled', 'isolates are closed'));
    for (const waiter of this.#waiting.splice(0)) waiter.fail(new GloveboxError('cancelled', 'isolates are closed'));
    await Promise.all(this.#starting);
    await Promise.all([...this.#members].map((member) => this.#end(member)));
  }

  /** Undefined where it was cancelled before there was one. */
  #acquire(spec: JavaScriptSpec): Promise<Member | undefined> {
    this.#closed.signal.throwIfAborted();
    if (this.#waiting.length >= MAX_WAITING) throw new GloveboxError('admission_full', `${MAX_WAITING} calls wait for an isolate already: try again later`);
    const { promise, resolve, reject } = Promise.withResolvers<Member | undefined>();
    const cancel = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      resolve(undefined);
    };
    const settled = (): void => spec.signal?.removeEventListener('abort', cancel);
    const waiter: Waiter = {
      spec,
      take: (member) => (settled(), resolve(member)),
      fail: (error) => (settled(), reject(error)),
    };
    spec.signal?.addEventListener('abort', cancel, { once: true });
    this.#waiting.push(waiter);
    this.#serve();
    return promise;
  }

  /** Gives those who wait what there is, in the order in which they came, and starts what is missing. */
  #serve(): void {
    for (const waiter of this.#waiting.slice()) {
      const member = this.#idleFor(waiter.spec);
      if (member === undefined) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      member.busy = true;
      member.owner = waiter.spec.owner;
      waiter.take(member);
    }
    const [first] = this.#waiting;
    const wanted = this.#waiting.length - this.#starting.size - this.#aboutToServe(first?.spec);
    for (let i = 0; i < wanted && first !== undefined; i++) {
      if (!this.#makeRoom(first.spec)) break;
      this.#start(first.spec);
    }
  }

  /** Children that will be there sooner than a new one. A single one is not enough: with a second one, calls in a row need not wait for the next isolate. */
  #aboutToServe(spec: JavaScriptSpec | undefined): number {
    const own = [...this.#members].filter((member) => member.owner === spec?.owner);
    return own.length > 1 ? own.filter(({ child }) => child.isPreparing).length : 0;
  }

  #idleFor(spec: JavaScriptSpec): Member | undefined {
    const fit = [...this.#members].filter(({ child, wants, busy }) => !busy && child.isUsable && isSame(wants, spec));
    return fit.find((member) => member.owner === spec.owner) ?? fit.find((member) => member.owner === undefined);
  }

  /** Whether one more may be started; where all places are taken, an idle child that fits nobody who waits goes. */
  #makeRoom(spec: JavaScriptSpec): boolean {
    if (this.#members.size + this.#starting.size < this.#options.maxChildren) return true;
    const idle = [...this.#members].find((member) => !member.busy && (member.owner !== spec.owner || !isSame(member.wants, spec)));
    if (idle === undefined) return false;
    void this.#end(idle);
    return true;
  }

  #start({ limits: { memoryBytes, outputBytes }, sandbox }: Wants): void {
    const wants = { limits: { memoryBytes, outputBytes }, ...(sandbox === undefined ? {} : { sandbox }) };
    const starting = this.#add(wants).finally(() => {
      this.#starting.delete(starting);
      this.#serve();
    });
    this.#starting.add(starting);
  }

  async #add(wants: Wants): Promise<void> {
    try {
      const child = await IsolateChild.start(await this.#place(wants), wants.limits.memoryBytes);
      const member: Member = { child, wants, owner: undefined, busy: false };
      this.#members.add(member);
      void child.gone.then(() => this.#members.delete(member));
    } catch (error) {
      // It would fail for the next one, too: whoever waits hears of it.
      const waiter = this.#waiting.find(({ spec }) => isSame(wants, spec));
      if (waiter === undefined) return;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.fail(error);
    }
  }

  async #place({ limits, sandbox }: Wants): Promise<Place> {
    if (sandbox === undefined) {
      this.#confinement ??= Confinement.find(this.#options.searchPath);
      return new HostPlace(await this.#confinement, limits);
    }
    if (this.#options.sandboxed === undefined) throw new GloveboxError('kind_unavailable', 'there are no sandboxes for isolates here');
    return SandboxPlace.open({ ...this.#options.sandboxed, sandbox, limits, signal: this.#closed.signal });
  }

  #giveBack(member: Member): void {
    member.busy = false;
    if (!member.child.isUsable) void this.#end(member);
    this.#serve();
    this.#stock(member.wants);
  }

  /** What the next owner will find. */
  #stock(wants: Wants): void {
    const ready = [...this.#members].filter((member) => member.owner === undefined).length;
    const room = this.#members.size + this.#starting.size < this.#options.maxChildren;
    if (!this.#closed.signal.aborted && room && ready + this.#starting.size < this.#options.ready) this.#start(wants);
  }

  async #end(member: Member): Promise<void> {
    this.#members.delete(member);
    member.child.kill();
    await member.child.cleared;
  }
}

/** Whether a child that was started for one call can take another. What a program may put out is not the child's to hold. */
function isSame(one: Wants, other: Wants): boolean {
  return one.limits.memoryBytes === other.limits.memoryBytes && (one.sandbox === other.sandbox || canonicalJson(one.sandbox ?? null) === canonicalJson(other.sandbox ?? null));
}

function neverRan(cause: JavaScriptEnd['cause'], error?: JavaScriptEnd['error']): JavaScriptEnd {
  return { cause, ...(error === undefined ? {} : { error }), usage: { wallMs: 0, cpuMs: 0, memoryBytes: 0 }, output: { consoleBytes: 0, resultBytes: 0 } };
}

/** What is not even tried. */
function unfit({ source, args }: JavaScriptSpec): JavaScriptEnd | undefined {
  const bytes = Buffer.byteLength(source);
  if (bytes > MAX_SOURCE_BYTES) return neverRan('not_started', { name: 'RangeError', message: `the source has ${bytes} bytes, more than ${MAX_SOURCE_BYTES}` });
  const size = Buffer.byteLength(JSON.stringify(args));
  return size > MAX_ARGUMENT_BYTES ? neverRan('not_started', { name: 'RangeError', message: `the arguments have ${size} bytes, more than ${MAX_ARGUMENT_BYTES}` }) : undefined;
}
