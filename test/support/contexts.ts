import type { CallEnd, CallEvent, ContextLanguage, EventData, EventType, JournalEvent } from '../../src/contracts/index.ts';
import type { CallRequest, Context, GovernedCall, GovernedSandbox, Session } from '../../src/session/index.ts';
import { type Kind, openWorld } from './sandbox-kinds.ts';
import type { SandboxWorld } from './sandbox-world.ts';
import { SessionRig } from './session.ts';

/** Everything that a call said. */
export interface Said {
  readonly stdout: string;
  readonly stderr: string;
  /** `text/plain` of the last value. */
  readonly result: string | undefined;
  readonly displays: readonly Extract<CallEvent, { type: 'display' | 'result' }>['display'][];
  readonly error: Extract<CallEvent, { type: 'error' }> | undefined;
  readonly events: readonly CallEvent[];
  readonly end: CallEnd;
}

export async function listen(call: GovernedCall): Promise<Said> {
  const events: CallEvent[] = [];
  for await (const event of call.events) events.push(event);
  const text = (type: 'stdout' | 'stderr'): string => Buffer.concat(events.flatMap((event) => (event.type === type ? [event.bytes] : []))).toString('utf8');
  return {
    stdout: text('stdout'),
    stderr: text('stderr'),
    result: events.find((event) => event.type === 'result')?.display.data['text/plain'],
    displays: events.flatMap((event) => (event.type === 'display' || event.type === 'result' ? [event.display] : [])),
    error: events.find((event) => event.type === 'error'),
    events,
    end: await call.end,
  };
}

export async function say(context: Context, code: string, request: CallRequest = {}): Promise<Said> {
  return await listen(await context.run(code, request));
}

/** Reads until the code has written this, so that it is known to be where it is. */
export async function reaches(call: GovernedCall, text: string): Promise<void> {
  let seen = '';
  // Not `for await`: leaving that would leave the call's events.
  const events = call.events[Symbol.asyncIterator]();
  while (!seen.includes(text)) {
    const next = await events.next();
    if (next.done === true) throw new Error(`the call ended before it said ${text}`);
    if (next.value.type === 'stdout') seen += next.value.bytes.toString();
  }
}

/** A sandbox of a session, on a real driver. */
export class ContextRig implements AsyncDisposable {
  readonly world: SandboxWorld;
  readonly #rig: SessionRig;
  readonly #kind: Kind;
  #session: Session | undefined;

  constructor(kind: Kind) {
    this.#kind = kind;
    this.world = openWorld(kind);
    this.#rig = new SessionRig([this.world.driver]);
  }

  async open(image: string, more = ''): Promise<GovernedSandbox> {
    this.#session = await this.#rig.open(`
sandbox: { image: ${image}, images: ["*"], kinds: [${this.#kind}] }
limits: { cpu: 2, memory: 512MiB, pids: 64, disk: 64MiB, inodes: 5000, open_files: 256 }
command: { wall: 30s, output: 1MiB }
session: { wall: 20m, idle: 10m }
${more}`);
    return await this.#session.sandbox('test');
  }

  get session(): Session {
    if (this.#session === undefined) throw new Error('no session is open');
    return this.#session;
  }

  events(): Promise<JournalEvent[]> {
    return this.#rig.events(this.session);
  }

  /** The next event of a type that is written from now on. */
  async next<T extends EventType>(type: T): Promise<EventData[T]> {
    return await this.#rig.next(this.session, type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rig[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

export const IMAGES: Readonly<Record<ContextLanguage, string>> = { python: 'python', javascript: 'node' };
