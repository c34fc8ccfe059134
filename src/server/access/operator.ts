import { GloveboxError, LOCAL_TENANT, type Principal } from '../../contracts/index.ts';
import type { RouteParts } from '../routes/route.ts';

/** What is the installation's as a whole, and no tenant's, is for administrators of its own tenant. Errors: `denied`. */
export function demandOperator({ demand }: Pick<RouteParts, 'demand'>, principal: Principal, what: string): void {
  demand(principal, 'administer');
  if (principal.tenant !== LOCAL_TENANT) throw new GloveboxError('denied', `${what} are for administrators of the tenant ${LOCAL_TENANT}`);
}
