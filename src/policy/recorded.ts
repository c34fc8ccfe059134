import { type Journal, type JournalEvent, LOCAL_TENANT, type Principal } from '../contracts/index.ts';
import { EVERY_ROLE } from './roles/roles-file.ts';

/** A decision as it was taken, and whose session had asked. */
export interface Recorded {
  readonly event: JournalEvent<'decision'>;
  readonly principal: Principal;
}

/** The decisions of some runs, or of all since a time, one after the other: a journal may hold more than fit into memory. */
export async function* recordedDecisions(journal: Pick<Journal, 'scan'>, { fromMs = 0, streams }: { readonly fromMs?: number | undefined; readonly streams?: readonly string[] | undefined }): AsyncGenerator<Recorded> {
  let asker: { readonly stream: string; readonly principal: Principal } | undefined;
  for await (const event of journal.scan(['session.opened', 'decision'], { fromMs, ...(streams === undefined ? {} : { streams }) })) {
    if (event.type === 'session.opened') asker = { stream: event.stream, principal: principalOf(event.data) };
    else if (event.timeMs >= fromMs) yield { event, principal: asker?.stream === event.stream ? asker.principal : NOBODY };
  }
}

/** Nothing is decided before a session is opened; a stream that says otherwise is nobody's. */
const NOBODY: Principal = { tenant: '', name: '', roles: [] };

function principalOf({ principal, tenant = LOCAL_TENANT, roles = EVERY_ROLE }: JournalEvent<'session.opened'>['data']): Principal {
  return { tenant, name: principal, roles };
}
