import { CredentialDetector, KnownSecrets, MasterEnvelopes, MasterKeys, Redaction } from '../broker/index.ts';
import type { Clock } from '../contracts/index.ts';
import { ObservedJournal, openJournal, RedactedJournal } from '../journal/index.ts';
import type { Environment } from './state-folder.ts';

/** Who is told what whoever runs this should know: another, once there is a log. */
export interface Notes {
  tell: (text: string) => void;
}

/** What this process was given to use itself: a provider may repeat it in an error, a repository may have it in a file. */
const OWN_SECRETS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GLOVEBOX_MASTER_KEY', 'GLOVEBOX_PREVIOUS_MASTER_KEY', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'] as const;

/** Nothing is written into it that the redactor has not seen. */
export async function openRedactedJournal({ env, stateDir, clock, note, open }: { env: Environment; stateDir: string; clock: Clock; note: (text: string) => void; open: AsyncDisposableStack }) {
  const masterKeys = new MasterKeys({ env, stateDir });
  const known = new KnownSecrets();
  for (const variable of OWN_SECRETS) {
    const value = env[variable]?.trim() ?? '';
    if (value !== '') known.add(variable.toLowerCase().replaceAll('_', '-'), value);
  }
  const notes: Notes = { tell: note };
  const { journal: store, audit, place, secret, database, keys, keptKeys } = await openJournal({ env, stateDir, envelopes: new MasterEnvelopes(masterKeys), clock, note: (text) => notes.tell(text) });
  if (secret !== undefined) known.add('glovebox-database-password', secret);
  const redactor = new Redaction(known, open.use(new CredentialDetector()));
  open.use(audit);
  // Closed before the audit, which signs what was appended until then.
  open.use(keys);
  const observed = new ObservedJournal(store);
  const journal = open.use(new RedactedJournal(observed, redactor));
  return { journal, keys, keptKeys, masterKeys, observed, notes, journalPlace: place, audit, redactor, known, database };
}
