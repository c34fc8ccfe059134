import { MasterEnvelopes, MasterKeys } from '../../src/broker/index.ts';
import type { Journal } from '../../src/contracts/index.ts';
import { openJournal } from '../../src/journal/index.ts';

/** The journal of a state folder that a CLI or a server works in, opened by the master key that is there. */
export async function stateJournal(stateDir: string): Promise<Journal> {
  const { journal } = await openJournal({ env: {}, stateDir, envelopes: new MasterEnvelopes(new MasterKeys({ env: {}, stateDir })) });
  return journal;
}
