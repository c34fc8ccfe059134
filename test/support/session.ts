import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/contracts/index.ts';
import type { EventData, EventType, Isolates, JournalEvent, SandboxDriver } from '../../src/contracts/index.ts';
import { FolderBlobs, SqliteJournal } from '../../src/journal/index.ts';
import { FilePolicies } from '../../src/policy/index.ts';
import { AvailableSandboxes } from '../../src/sandbox/sandboxes.ts';
import { Session, type SessionPorts } from '../../src/session/index.ts';
import { TESTER } from './principal.ts';
import { ids } from './sandbox-commands.ts';

/** Sessions on real drivers, with a real journal, blobs and policies, in a folder that goes with it. */
export class SessionRig implements AsyncDisposable {
  readonly blobs: FolderBlobs;
  readonly #folder = mkdtempSync(join(tmpdir(), 'glovebox-session-'));
  readonly #journal = new SqliteJournal(join(this.#folder, 'journal.db'));
  readonly #sandboxes: AvailableSandboxes;
  readonly #isolates: Isolates | undefined;
  readonly #more: Partial<SessionPorts>;
  readonly #sessions: Session[] = [];

  constructor(drivers: readonly SandboxDriver[], isolates?: Isolates, more: Partial<SessionPorts> = {}) {
    this.#isolates = isolates;
    this.#more = more;
    this.#sandboxes = new AvailableSandboxes(drivers);
    this.blobs = new FolderBlobs(join(this.#folder, 'blobs'));
  }

  get blobFolder(): string {
    return join(this.#folder, 'blobs');
  }

  /** A session under the policy of a YAML text. */
  async open(policy: string): Promise<Session> {
    const name = `p${this.#sessions.length}`;
    mkdirSync(join(this.#folder, 'policies', name), { recursive: true });
    writeFileSync(join(this.#folder, 'policies', name, 'policy.yaml'), `name: ${name}\n${policy}`);
    const session = await Session.open(
      { journal: this.#journal, sandboxes: this.#sandboxes, clock: systemClock, ids, blobs: this.blobs, ...(this.#isolates === undefined ? {} : { isolates: this.#isolates }), ...this.#more },
      { principal: TESTER, policy: await new FilePolicies([join(this.#folder, 'policies')]).load(name) },
    );
    this.#sessions.push(session);
    return session;
  }

  events(session: Session): Promise<JournalEvent[]> {
    return this.#journal.read(session.id);
  }

  /** The next event of a type that is written from now on. */
  async next<T extends EventType>(session: Session, type: T): Promise<EventData[T]> {
    const signal = AbortSignal.timeout(30_000);
    const afterSeq = (await this.events(session)).length;
    for await (const event of this.#journal.follow(session.id, { afterSeq, signal })) {
      // The type says which data it is: the compiler cannot follow the pair through the union.
      if (event.type === type) return event.data as EventData[T];
    }
    throw new Error(`no ${type} was written within 30 s`);
  }

  /** The session's last event, once it has been closed. */
  async closed(session: Session): Promise<JournalEvent> {
    const signal = AbortSignal.timeout(30_000);
    for await (const event of this.#journal.follow(session.id, { signal })) {
      if (event.type === 'session.closed') return event;
    }
    throw new Error('the session was not closed within 30 s');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#sessions.map((session) => session.close()));
    await this.#journal[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }
}
