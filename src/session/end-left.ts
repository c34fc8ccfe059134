import { GloveboxError, type NewEvent, type Sandbox } from '../contracts/index.ts';
import { GONE } from './adopt.ts';
import { foldLeft, type LeftSession } from './left-session.ts';
import type { SessionPorts } from './session-options.ts';

/** Ends a session that nobody can go on with: what was adopted of it is removed, and its stream closed. Errors: `journal_failed`; what could not be removed is the sweeper's. */
export async function endLeft(ports: Pick<SessionPorts, 'journal'>, left: LeftSession, adopted: readonly Sandbox[], why: string): Promise<void> {
  await Promise.allSettled(adopted.map((sandbox) => sandbox.destroy()));
  // Where it failed half-way it may have said so itself.
  const now = foldLeft(await ports.journal.read(left.id));
  if (now === undefined) return;
  const gone = now.sandboxes.map(({ id }): NewEvent => ({ type: 'sandbox.gone', data: { sandbox: id, why } }));
  await ports.journal.append(left.id, [...gone, { type: 'session.closed', data: { why } }], { tenant: left.principal.tenant });
}

/**
 * Takes over what still lives of it, one after the other: whoever has the first has the session. Undefined where that is another process. Errors, where nothing was taken over:
 * `cancelled`, and the engine's own.
 */
export async function adoptLeft({ sandboxes }: Pick<SessionPorts, 'sandboxes'>, left: LeftSession, signal: AbortSignal): Promise<readonly Sandbox[] | undefined> {
  const adopted: Sandbox[] = [];
  for (const { id } of left.sandboxes) {
    try {
      adopted.push(await sandboxes.adopt(id, signal));
    } catch (error) {
      const isFirst = adopted.length === 0;
      if (isFirst && error instanceof GloveboxError && error.details['superseded'] === true) return undefined;
      // One that is gone, or cannot be gone on with, is no reason to give up the others.
      if (isFirst && !(error instanceof GloveboxError && GONE.has(error.code))) throw error;
    }
  }
  return adopted;
}

/** What a client set of the environment, by the names that it gave. */
export function givenEnv({ terms }: LeftSession, sandboxes: readonly Sandbox[]): Readonly<Record<string, string>> {
  const now = sandboxes[0]?.env ?? {};
  return Object.fromEntries((terms.env ?? []).flatMap((name) => (now[name] === undefined ? [] : [[name, now[name]]])));
}
