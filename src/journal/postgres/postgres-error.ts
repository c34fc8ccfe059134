import { describeError, GloveboxError } from '../../contracts/index.ts';

/** https://www.postgresql.org/docs/current/errcodes-appendix.html, by code or by its class. */
const ADVICE: Readonly<Record<string, string>> = {
  '28': 'the server does not let this user in: check user, password and pg_hba.conf',
  '3D': 'create the database, or name another one',
  // Tables and columns were there when it was opened.
  '42P01': 'a newer glovebox may have changed the schema since this process began: upgrade it',
  '42703': 'a newer glovebox may have changed the schema since this process began: upgrade it',
  '42501': 'the user may not do this in the database: grant CREATE on the database, and all on the schema',
  '53100': "the server's disk is full: make room and try again",
  '53300': 'the server has no connection left: raise max_connections, or run fewer processes',
  '57014': 'it took too long: see pg_stat_activity for who holds a lock',
  '08': 'see whether the server runs and can be reached',
  '57P': 'the server is going down or coming up: try again',
};
/** The connection, the server or the transaction went away, and not for what was asked. */
const PASSING = /^(?:08|40|57P|53300|25P03)/;

/** What the driver threw, as an error that names the database and says what to do. Errors of ours pass as they are. */
export function journalFailure(name: string, error: unknown): GloveboxError {
  if (error instanceof GloveboxError) return error;
  const state = sqlState(error);
  const advice = state === undefined ? 'see whether the server runs and can be reached' : (ADVICE[state] ?? ADVICE[state.slice(0, 3)] ?? ADVICE[state.slice(0, 2)]);
  return new GloveboxError('journal_failed', `the journal in ${name} failed: ${found(error)}${advice === undefined ? '' : `. ${advice}`}`, {
    cause: error,
    details: { database: name, ...(state === undefined ? {} : { sqlState: state }) },
  });
}

/** Whether the same may well work when it is tried again: what broke was the connection, or two transactions wanted the same. */
export function isPassing(error: unknown): boolean {
  if (error instanceof GloveboxError) return false;
  const state = sqlState(error);
  return state === undefined || PASSING.test(state);
}

/** Undefined where it was not the server that said it. */
function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** A host with two addresses that both refuse is an error without a message. */
function found(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(describeError).join(', ') : describeError(error);
}
