import { type Journal, type JournalEvent, LOCAL_TENANT, type Principal } from '../contracts/index.ts';
import { EVERY_ROLE } from './roles/roles-file.ts';

/** A decision as it was taken, and whose session had asked. */
export interface Recorded {
  readonly event: JournalEvent<'decision'>;
  readonly principal: Principal;
}

interface RecordedOptions {
  readonly fromMs?: number | undefined;
  readonly streams?: readonly string[] | undefined;
  /** Told of each decision that nobody can read any more. */
  readonly onErased?: () => void;
}

/** The decisions of some runs, or of all since a time, one after the other: a journal may hold more than fit into memory. */
export async function* recordedDecisions(journal: Pick<Journal, 'scan'>, { fromMs = 0, streams, onErased = () => {} }: RecordedOptions = {}): AsyncGenerator<Recorded> {
  let asker: { readonly stream: string; readonly principal: Principal } | undefined;
  for await (const event of journal.scan(['session.opened', 'decision', 'erased'], { fromMs, ...(streams === undefined ? {} : { streams }) })) {
    if (event.type === 'session.opened') asker = { stream: event.stream, principal: principalOf(event.data) };
    else if (event.type === 'erased') {
      if (event.data.was === 'decision' && event.timeMs >= fromMs) onErased();
    } else if (event.timeMs >= fromMs) yield { event, principal: asker?.stream === event.stream ? asker.principal : NOBODY };
  }
}

/** Nothing is decided before a session is opened; a stream that says otherwise is nobody's. */
const NOBODY: Principal = { tenant: '', name: '', roles: [] };

function principalOf({ principal, tenant = LOCAL_TENANT, roles = EVERY_ROLE }: JournalEvent<'session.opened'>['data']): Principal {
  return { tenant, name: principal, roles };
}
