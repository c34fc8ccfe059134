import { join } from 'node:path';
import { newCredentials } from '../../src/broker/index.ts';
import { type Model, randomIds, systemClock } from '../../src/contracts/index.ts';
import { FolderBlobs } from '../../src/journal/index.ts';
import { parseDatabaseUrl } from '../../src/journal/postgres/database-url.ts';
import { PostgresJournal } from '../../src/journal/postgres/index.ts';
import { NO_LIMITS, openDatabaseQueue, type RunsPorts } from '../../src/runs/index.ts';
import { GitWorkspaces } from '../../src/workspace/index.ts';
import { TESTER } from '../support/principal.ts';
import { FakeSandboxes } from '../unit/runs/fake-sandboxes.ts';
import { policyOf, tinyShell } from '../unit/runs/rig.ts';

/** One of many machines: everything is shared but the sandboxes, which are cheap. */
export async function openMachine(url: string, folder: string, model: Model): Promise<RunsPorts & { readonly sandboxes: FakeSandboxes }> {
  const clock = systemClock;
  const database = parseDatabaseUrl(url, 'the test');
  const journal = new PostgresJournal(database, { clock });
  const { leases, queue } = await openDatabaseQueue({ ...database, journal, clock, limits: () => Promise.resolve(NO_LIMITS) });
  const blobs = new FolderBlobs(join(folder, 'blobs'));
  const policy = policyOf();
  return {
    journal,
    leases,
    queue,
    clock,
    sandboxes: new FakeSandboxes(tinyShell),
    ids: randomIds(clock),
    blobs,
    workspaces: new GitWorkspaces({ folder: join(folder, 'trees'), blobs, credentials: newCredentials }),
    models: { open: () => Promise.resolve(model) },
    policies: { load: () => Promise.resolve(policy) },
    principal: TESTER,
  };
}
