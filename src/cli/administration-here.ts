import { GloveboxError, monthOf, systemClock } from '../contracts/index.ts';
import type { ApiKeys } from '../server/index.ts';
import type { AccountsAsked, Place, PlacedAccounts, PlacedKeys, PlacedStops } from './place.ts';
import type { Services } from './services.ts';

/** What those who run this machine's glovebox do to it. */
export function administrationHere(services: Services): Pick<Place, 'stops' | 'keys' | 'accounts'> {
  return { stops: stopsHere(services), keys: keysHere(services), accounts: accountsHere(services) };
}

function stopsHere({ control, principal, halt }: Services): PlacedStops {
  return {
    list: () => control.stops(principal),
    stop: async (wanted, signal) => {
      await control.stop(principal, wanted);
      if (wanted.freeze) return undefined;
      const halted = await halt(wanted.scope, signal);
      return { isDone: halted.left + halted.failed.length === 0, ...halted };
    },
    lift: (wanted) => control.lift(principal, wanted),
  };
}

function keysHere({ journal, authority, principal }: Services): PlacedKeys {
  /** A server is loaded only by who asks. */
  const keys = async (): Promise<ApiKeys> => {
    const { ApiKeys: Keys } = await import('../server/index.ts');
    return new Keys({ journal, authority, clock: systemClock });
  };
  return {
    create: async ({ name, roles, tenant = principal.tenant, expiresInMs }) => {
      const { key, entry } = await (await keys()).create({ name, tenant, roles, expiresMs: expiresInMs === undefined ? undefined : Date.now() + expiresInMs }, principal);
      return { ...entry, key };
    },
    list: async () => (await keys()).list(principal),
    revoke: async (id) => (await keys()).revoke(id, principal),
  };
}

function accountsHere({ usage, budgets, authority, principal }: Services): PlacedAccounts {
  const asked = ({ tenant = principal.tenant, month = monthOf(systemClock.now()) }: AccountsAsked): readonly [tenant: string, month: string] => {
    if (!authority.may(principal, 'read', tenant)) throw new GloveboxError('denied', `no role of ${principal.name} lets him read what ${tenant} has used`);
    return [tenant, month];
  };
  return {
    usage: async (wanted) => usage.of(...asked(wanted)),
    budgets: async (wanted) => budgets.accounts(...asked(wanted)),
  };
}
