import { GloveboxError, type RunId, type TreeId } from '../../contracts/index.ts';
import { type GovernedSandbox, Session } from '../../session/index.ts';
import { FencedJournal } from '../fenced-journal.ts';
import type { Lease } from '../leases.ts';
import { RunReading } from '../run-reading.ts';
import type { RunsPorts } from '../runs-ports.ts';
import { SandboxWorkbench } from '../sandbox-workbench.ts';
import { sessionPlace } from '../session-place.ts';
import { takeBack } from '../take-back.ts';
import type { Steer } from './steer.ts';

/** So long whoever works at the run may take to finish its step and let go. */
const LET_GO_MS = 10 * 60_000;
const LOOK_MS = 200;

/**
 * A run in a person's hands: he is its owner, the agent stands still, and the files are in a sandbox of a session of his own, under the run's policy.
 * Whatever he does there is decided and written down as his. Disposed of without `giveBack`, what he changed is lost and the run stays paused.
 */
export class TakeOver implements AsyncDisposable {
  readonly sandbox: GovernedSandbox;
  readonly #ports: RunsPorts;
  readonly #id: RunId;
  readonly #lease: Lease;
  readonly #session: Session;
  readonly #workbench: SandboxWorkbench;
  readonly #before: TreeId;

  /** Waits until whoever works at the run lets go of it, which he does after his present step. Errors: `not_found`, `denied`, `usage`, `admission_full` where he does not let go. */
  static async begin(ports: RunsPorts, id: RunId, steer: Steer, signal: AbortSignal): Promise<TakeOver> {
    await steer.pause(id, { atOnce: true });
    const lease = await takeLease(ports, id, signal);
    try {
      return await TakeOver.#open(ports, id, lease, AbortSignal.any([signal, lease.signal]));
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #open(ports: RunsPorts, id: RunId, lease: Lease, signal: AbortSignal): Promise<TakeOver> {
    const reading = new RunReading(ports.journal, id);
    const { options, tree, baseTree: base, ignored } = await reading.now();
    if (options === undefined) throw new GloveboxError('journal_failed', `${id} was written by another version of glovebox and cannot be taken over by this one`);
    const journal = lease.fence === undefined ? ports.journal : new FencedJournal(ports.journal, id, lease.fence);
    const before = tree ?? base;
    const session = await Session.open(
      { ...ports, journal },
      { principal: ports.principal, policy: await ports.policies.load(options.policy), run: id, tree: before, ...sessionPlace(options), signal },
    );
    try {
      // What a dead owner left running is not what the agent will find.
      await takeBack(session, reading.leftSandboxes, []);
      const workbench = new SandboxWorkbench({ session, workspace: ports.workspaces.of(ports.principal.tenant), clock: ports.clock, base, tree: before, ignored, keepIgnored: options.keepIgnored === true });
      const sandbox = await workbench.sandbox();
      await session.record([{ type: 'run.taken_over', data: { by: ports.principal.name, sandbox: sandbox.id } }]);
      return new TakeOver({ ports, id, lease, session, workbench, before, sandbox });
    } catch (error) {
      await session.close('the run could not be taken over').catch(() => {});
      throw error;
    }
  }

  private constructor(parts: { ports: RunsPorts; id: RunId; lease: Lease; session: Session; workbench: SandboxWorkbench; before: TreeId; sandbox: GovernedSandbox }) {
    this.sandbox = parts.sandbox;
    this.#ports = parts.ports;
    this.#id = parts.id;
    this.#lease = parts.lease;
    this.#session = parts.session;
    this.#workbench = parts.workbench;
    this.#before = parts.before;
  }

  /** Keeps the files as they are now; the agent is told which are other than it left them, and goes on once it may. Gives their paths. */
  async giveBack(): Promise<readonly string[]> {
    const kept = await this.#workbench.keep();
    const { workspaces, principal } = this.#ports;
    const { files } = await workspaces.of(principal.tenant).diff(this.#before, this.#workbench.tree);
    const changed = files.map(({ path }) => path);
    await this.#session.record([...kept, { type: 'run.handed_back', data: { by: principal.name, changed } }], { durable: true });
    return changed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#session.close(`${this.#ports.principal.name} has left ${this.#id}`);
    } finally {
      await this.#lease[Symbol.asyncDispose]();
    }
  }
}

async function takeLease({ leases, principal, clock }: RunsPorts, id: RunId, signal: AbortSignal): Promise<Lease> {
  const untilMs = clock.now() + LET_GO_MS;
  for (;;) {
    try {
      return await leases.take(id, { tenant: principal.tenant, model: '', holder: principal.name });
    } catch (error) {
      if (!(error instanceof GloveboxError) || error.code !== 'admission_full' || clock.now() > untilMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    signal.throwIfAborted();
  }
}
