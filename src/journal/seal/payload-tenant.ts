import { GloveboxError, NAME_PATTERN } from '../../contracts/index.ts';

/** Whose the installation's own books are: no tenant can have this name. */
export const OPERATOR = '_operator';

/** Streams of runs, sessions, approvals and answers that are kept are their tenants'; others (`queue`, `control`, books of budgets, API keys) are what the installation is run by. */
const OF_TENANTS = /^((run|ses|apr)_|request:)/;

/** Whether a stream is of the kind that its tenant's keys seal. */
export function isOfTenant(stream: string): boolean {
  return OF_TENANTS.test(stream);
}

/** By whose keys a stream is sealed; undefined where nobody has said whose it is. Errors: `internal`. */
export function payloadTenant(stream: string, said: string | undefined): string | undefined {
  if (!isOfTenant(stream)) return OPERATOR;
  if (said === undefined || NAME_PATTERN.test(said)) return said;
  throw new GloveboxError('internal', `not a name for a tenant: ${JSON.stringify(said)}`);
}
