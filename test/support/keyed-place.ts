import { join } from 'node:path';
import { LentRecords, MasterEnvelopes, MasterKeys, SecretStore } from '../../src/broker/index.ts';
import { type Journal, type KeptEnvelope, type KeptEnvelopes, systemClock } from '../../src/contracts/index.ts';
import { SqliteJournal } from '../../src/journal/index.ts';
import { type DatabaseUrl, KeyTable } from '../../src/journal/postgres/index.ts';
import { KeptPayloadKeys } from '../../src/journal/seal/kept-payload-keys.ts';
import { KeyFolder } from '../../src/journal/seal/key-folder.ts';
import { PayloadKeys } from '../../src/journal/seal/payload-keys.ts';
import { SealedJournal } from '../../src/journal/seal/sealed-journal.ts';
import { MasterKeyChange } from '../../src/session/index.ts';

/** Where payload keys are, where they are not in the folder. */
export interface KeyDatabase {
  readonly url: DatabaseUrl;
  readonly schema: string;
}

/** All that lies under a master key, as one process sees it. */
export interface Keyed extends AsyncDisposable {
  readonly secrets: SecretStore;
  readonly lent: LentRecords;
  readonly keys: PayloadKeys;
  readonly journal: Journal;
  readonly kept: readonly KeptEnvelopes[];
  readonly change: MasterKeyChange;
}

/** `onRewrap` is told before and after each envelope that a change of the key writes. */
export function openKeyed(folder: string, env: Readonly<Record<string, string>>, { database, onRewrap = () => {} }: { database?: KeyDatabase | undefined; onRewrap?: () => void } = {}): Keyed {
  const masterKeys = new MasterKeys({ env, stateDir: folder });
  const envelopes = new MasterEnvelopes(masterKeys);
  const store = database === undefined ? new KeyFolder(join(folder, 'keys')) : new KeyTable(database.url, database.schema);
  const keys = new PayloadKeys({ store, envelopes, clock: systemClock, trustMs: 20 });
  const secrets = new SecretStore({ folder: join(folder, 'secrets'), masterKeys, now: () => 1 });
  const lent = new LentRecords({ folder: join(folder, 'lent'), masterKeys });
  const journal = new SealedJournal(new SqliteJournal(join(folder, 'journal.db')), keys);
  const kept = [secrets, lent, new KeptPayloadKeys({ store, envelopes })].map((place) => told(place, onRewrap));
  return {
    secrets,
    lent,
    keys,
    journal,
    kept,
    change: new MasterKeyChange({ keys: masterKeys, kept, journal, settleMs: 20 }),
    [Symbol.asyncDispose]: async () => {
      await journal[Symbol.asyncDispose]();
      await keys[Symbol.asyncDispose]();
    },
  };
}

function told(place: KeptEnvelopes, onRewrap: () => void): KeptEnvelopes {
  async function* envelopes(): AsyncIterable<KeptEnvelope> {
    for await (const envelope of place.envelopes()) {
      const rewrap = async (): Promise<boolean> => {
        onRewrap();
        const isRewrapped = await envelope.rewrap();
        onRewrap();
        return isRewrapped;
      };
      yield { check: () => envelope.check(), rewrap };
    }
  }
  return { what: place.what, envelopes };
}
