import type { Glovebox } from '../../client/index.ts';
import { GloveboxError } from '../../contracts/index.ts';
import type { AccountsAsked, Place, PlacedAccounts, PlacedKeys, PlacedStops } from '../place.ts';

/** What those who administer a tenant do at a server. Its answers have on both sides of the wire the same shape: docs/api.md */
export function remoteAdministration(glovebox: Glovebox): Pick<Place, 'stops' | 'keys' | 'accounts'> {
  return { stops: remoteStops(glovebox), keys: remoteKeys(glovebox), accounts: remoteAccounts(glovebox) };
}

function remoteStops({ stops }: Glovebox): PlacedStops {
  return {
    list: () => Array.fromAsync(stops.list()),
    stop: async (wanted, signal) => (await stops.stop(wanted, { signal })).halted,
    lift: (wanted) => stops.lift(wanted),
  };
}

function remoteKeys({ keys }: Glovebox): PlacedKeys {
  return {
    create: async ({ name, roles, tenant, expiresInMs }) => {
      if (tenant !== undefined) throw new GloveboxError('usage', '--tenant: at a server a key is made for the tenant of whoever makes it');
      return keys.create({ name, roles: [...roles], ...(expiresInMs === undefined ? {} : { expiresInMs }) });
    },
    // Newest first, as here.
    list: async () => (await Array.fromAsync(keys.list())).toReversed(),
    revoke: (id) => keys.revoke(id),
  };
}

function remoteAccounts({ accounts }: Glovebox): PlacedAccounts {
  const asked = ({ tenant, month }: AccountsAsked): { readonly month?: string } => {
    if (tenant !== undefined) throw new GloveboxError('usage', '--tenant: a server tells of the tenant of whoever asks');
    return month === undefined ? {} : { month };
  };
  return {
    usage: async (wanted) => accounts.usage(asked(wanted)),
    budgets: async (wanted) => accounts.budgets(asked(wanted)),
  };
}
