import { describeError, GloveboxError, type Sandbox } from '../../contracts/index.ts';
import { adoptLeft, endLeft, givenEnv, type GovernedSandbox, leftSessions, type LeftSession, Session } from '../../session/index.ts';
import type { ServerPorts } from '../server-ports.ts';
import { NarrowedPolicy } from './narrowed-policy.ts';
import type { ServedSandbox } from './served-sandbox.ts';
import type { Spool } from './spool.ts';

interface Adopting {
  readonly spool: Spool;
  readonly signal: AbortSignal;
  /** Told what became of each session, for whoever runs the service. */
  readonly note: (text: string) => void;
  readonly keep: (governed: GovernedSandbox, session: Session, about: Pick<ServedSandbox, 'owner' | 'labels' | 'createdMs'>) => ServedSandbox;
}

/** Goes on with what clients had open at a service of this state folder that died; with what cannot be gone on with it makes an end. Never rejects. */
export async function adoptServed(ports: ServerPorts, adopting: Adopting): Promise<void> {
  const { spool, note } = adopting;
  try {
    const left = await leftSessions(ports.journal, ports.recorded().filter(({ owner }) => owner === 'dead'));
    await Promise.all(left.map((session) => adoptSession(ports, adopting, session)));
    // First these: of a sandbox that somebody makes meanwhile there is nothing among them.
    const spooled = spool.sandboxes();
    const kept = new Set<string>(ports.recorded().map(({ id }) => id));
    await Promise.all(spooled.filter((id) => !kept.has(id)).map((id) => spool.forget(id)));
  } catch (error) {
    note(`what an earlier service had open could not be looked for: ${describeError(error)}`);
  }
}

async function adoptSession(ports: ServerPorts, adopting: Adopting, left: LeftSession): Promise<void> {
  const { note, signal, spool } = adopting;
  let adopted: readonly Sandbox[] | undefined = [];
  try {
    adopted = await adoptLeft(ports.sessions, left, signal);
    if (adopted === undefined) return;
    const session = await reopen(ports, left, adopted);
    try {
      await resumeAll(session, adopted, left, adopting);
    } catch (error) {
      await session.close(describeError(error)).catch(() => undefined);
      throw error;
    }
    note(`the session ${left.id} of ${left.principal.name} goes on, with ${adopted.map(({ id }) => id).join(', ')}`);
  } catch (error) {
    if (signal.aborted && adopted?.length === 0) return note(`the session ${left.id} could not be looked at in time: it ends by itself`);
    const why = `it could not be gone on with when the service started again: ${describeError(error)}`;
    note(`the session ${left.id} of ${left.principal.name} was ended: ${why}`);
    await endLeft(ports.sessions, left, adopted ?? [], why).catch((failed: unknown) => note(`${left.id}: ${describeError(failed)}`));
    await Promise.all(left.sandboxes.map(({ id }) => spool.forget(id)));
  }
}

/** Errors: those of `Policies.load` and `Session.reopen`, `denied` for a key that is no more. */
async function reopen(ports: ServerPorts, left: LeftSession, adopted: readonly Sandbox[]): Promise<Session> {
  const { principal, terms } = left;
  if (adopted.length === 0) throw new GloveboxError('sandbox_lost', 'its sandboxes are gone');
  if (!(await ports.keys.knows(principal))) throw new GloveboxError('denied', `${principal.name} is nobody any more`);
  const { image, kinds, session = {}, sandbox = {} } = terms;
  const policy = new NarrowedPolicy(await ports.policies.load(terms.policy), { session, sandbox });
  return Session.reopen(ports.sessions, { principal, policy, env: givenEnv(left, adopted), ...(image === undefined ? {} : { image }), ...(kinds === undefined ? {} : { kinds }) }, left);
}

async function resumeAll(session: Session, adopted: readonly Sandbox[], left: LeftSession, { keep }: Adopting): Promise<void> {
  for (const sandbox of adopted) {
    const was = left.sandboxes.find(({ id }) => id === sandbox.id);
    if (was === undefined) continue;
    const governed = await session.resume(sandbox, was);
    const served = keep(governed, session, { owner: left.principal, labels: left.terms.labels, createdMs: was.createdMs });
    for (const command of was.commands) await served.inherit(command);
  }
  const gone = left.sandboxes.filter(({ id }) => !adopted.some((sandbox) => sandbox.id === id));
  await session.record(gone.map(({ id }) => ({ type: 'sandbox.gone', data: { sandbox: id, why: 'it was not there any more when the service started again' } })));
}
