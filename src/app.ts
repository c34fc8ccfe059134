import { hash } from 'node:crypto';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newCredentials, type RegistryCaches } from './broker/index.ts';
import type { ServeOptions, Services, StockOptions } from './cli/index.ts';
import { type Authority, type Clock, describeError, GloveboxError, type Journal, type Permission, type Principal, randomIds, type Sandboxes, systemClock } from './contracts/index.ts';
import { type DatabaseUrl, JournalTenants, openBlobs, type PayloadKeys, readRetention, SealedKeys } from './journal/index.ts';
import { ModelsByName } from './models/index.ts';
import { FilePolicies, LivePolicies, type PolicyReload, readAuthority, readBudgets } from './policy/index.ts';
import { Forks, JournalBudgets, openDatabaseQueue, openFileQueue, type QueueLimits, readQueueLimits, Replays, Runs, type RunsPorts, Trajectories, Worker, wakeRun } from './runs/index.ts';
import { FolderOwnership, openSandboxes, recordedSandboxes } from './sandbox/index.ts';
import type { RunningServer, ServerPorts } from './server/index.ts';
import { type Attendance, JournalApprovals, JournalControl, RecordedChanges, type SessionPorts } from './session/index.ts';
import { GitWorkspaces } from './workspace/index.ts';
import { withSecretFiles } from './app/secret-files.ts';
import { openBroker } from './app/lending.ts';
import { operate } from './app/operation.ts';
import { type Environment, stateFolder } from './app/state-folder.ts';
import { type Notes, openRedactedJournal } from './app/written.ts';

/** The checkout or the installed package. */
const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface Configuration {
  readonly env: Environment;
  readonly version: string;
  /** Told what whoever runs this should know, a line each. */
  readonly note?: (text: string) => void;
}

/** Reads the configuration and builds everything: the only place that knows all rooms. */
export async function openServices({ env: given, version, note = () => {} }: Configuration): Promise<Services> {
  const env = withSecretFiles(given);
  const stateDir = await stateFolder(env);
  const [clock, ids] = [systemClock, randomIds(systemClock)];
  const { authority, principal, limits } = await readPeople(env, stateDir);
  const open = new AsyncDisposableStack();
  const { journal, redactor, known, database, keys, keptKeys, masterKeys, observed, notes, ...written } = await openRedactedJournal({ env, stateDir, clock, note, open });
  const { images, prober, sandboxes, isolates, pooled, ownership } = openPlaces({ stateDir, ids, env, clock, open });
  const { policies, changes } = openPolicies(journal, notes, open);
  const { broker, caches, secretAt, ...lending } = openBroker({ env, stateDir, ownership, clock, known, journal, masterKeys, keptKeys, open });
  const { leases, queue, approvals } = await openQueue({ journal, database, clock, authority, stateDir, open });
  const work = { ...(await openWork(env, stateDir, keys)), policies, leases, queue };
  const budgets = new JournalBudgets({ journal, clock, limits, ownership });
  const control = open.use(new JournalControl({ journal, authority }));
  const ports = { journal, redactor, control, budgets, sandboxes, isolates, broker, clock, ids, blobs: work.blobs, approvals, authority } satisfies SessionPorts;
  const operation = operate({ ...ports, ownership, isolates, pooled, env, stateDir, principal, queue, observed, notes, changes, open, secretAt, credentials: lending.credentials, journalPlace: written.journalPlace });
  return {
    ...ports,
    stateDir,
    version,
    demoDir: join(ROOT, 'demo'),
    ...written,
    policies,
    workspace: work.workspaces.passing(principal.tenant),
    olderTrees: () => work.workspaces.older(),
    tenants: new JournalTenants({ ...work.held(caches, written.journalPlace), journal, keys, files: work.files, clock, authority, retention: () => readRetention(env['GLOVEBOX_RETENTION'] ?? join(stateDir, 'retention.yaml')) }),
    images,
    prober,
    principal,
    ...lending,
    env,
    require: (permission) => demand(authority, principal, permission),
    sessionPorts: (attendance = {}) => ({ ...ports, ...attendance }),
    ...runServices({ ...ports, ...work, principal }, operation.forMany),
    ...operation,
    serve: ({ stock, ...options }) => serve({ ...ports, halt: operation.halt, version, policies, secrets: lending.secrets, audit: written.audit, usage: operation.usage, ownership, spoolDir: join(stateDir, 'spool'), spoolKeys: new SealedKeys(keys), recorded: () => recordedSandboxes(stateDir), answers: work.answers, sessions: { ...ports, sandboxes: operation.forMany(stock) }, ...servedRuns({ ...ports, ...work, sandboxes: operation.forMany(stock) }) }, principal, options),
    mcp: async (served) => (await import('./server/index.ts')).serveMcp({ ...served, ports: { ...ports, sandboxes: operation.forMany() }, version, redactor }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Where things run, and whose they are. */
function openPlaces({ open, ...options }: Omit<Parameters<typeof openSandboxes>[0], 'ownership'> & { readonly open: AsyncDisposableStack }): ReturnType<typeof openSandboxes> & { readonly ownership: FolderOwnership } {
  // Let go when those are that own something by it: they are opened after it.
  const ownership = open.use(new FolderOwnership(options.stateDir));
  const places = openSandboxes({ ...options, ownership });
  open.use(places.isolates);
  return { ...places, ownership };
}

/** What runs work with beside what sessions do. */
async function openWork(env: Environment, stateDir: string, keys: PayloadKeys) {
  const { blobs, ...stored } = await openBlobs(env, stateDir, keys);
  const folder = resolve(env['GLOVEBOX_TREES'] ?? join(stateDir, 'trees'));
  // An older version kept all trees in this very folder, or in one of the state folder.
  const olderDirs = [folder, join(stateDir, 'trees.git')];
  const workspaces = new GitWorkspaces({ folder, olderDirs, blobs, environment: env, credentials: newCredentials });
  return {
    ...stored,
    blobs,
    workspaces,
    held: (caches: RegistryCaches, journalPlace: string) => ({
      file: join(stateDir, `erased-${hash('sha256', journalPlace).slice(0, 12)}`),
      caches: { size: (tenant: string) => caches.size(tenant), forget: async (tenant: string) => void (await Promise.all([caches.forget(tenant), workspaces.forget(tenant)])) },
    }),
    models: new ModelsByName({ env, transcriptFolder: process.cwd() }),
  };
}

/** Who there is, who this is, and what each may spend. */
async function readPeople(env: Environment, stateDir: string) {
  const authority = await readAuthority(env['GLOVEBOX_ROLES'] ?? join(stateDir, 'roles.yaml'));
  const limits = await readBudgets(env['GLOVEBOX_BUDGETS'] ?? join(stateDir, 'budgets.yaml'));
  return { authority, limits, principal: authority.principal(userInfo().username) };
}

/** Who works at which run, and who waits for whom. */
async function openQueue({ journal, database, clock, authority, stateDir, open }: { journal: Journal; database: DatabaseUrl | undefined; clock: Clock; authority: Authority; stateDir: string; open: AsyncDisposableStack }) {
  const limits = (): Promise<QueueLimits> => readQueueLimits(join(stateDir, 'queue.yaml'));
  const { leases, queue } = database === undefined ? openFileQueue({ journal, clock, limits, folder: join(stateDir, 'leases') }) : await openDatabaseQueue({ ...database, journal, clock, limits });
  open.use(queue);
  const approvals = new JournalApprovals({ journal, clock, authority, onAnswered: ({ question }) => wakeRun({ journal, queue, clock }, question.stream) });
  return { leases, queue, approvals };
}

/** What is done with runs, each with whom a session of theirs would ask. */
function runServices(ports: RunsPorts, forMany: (stock?: StockOptions) => Sandboxes = () => ports.sandboxes): Pick<Services, 'runs' | 'runsOf' | 'replays' | 'forks' | 'trajectories' | 'worker'> {
  const runs = (attendance: Attendance = {}): Runs => new Runs({ ...ports, ...attendance });
  return {
    runs,
    runsOf: (tenant) => new Runs({ ...ports, principal: { ...ports.principal, tenant } }),
    replays: (attendance = {}) => new Replays({ ...ports, ...attendance }, runs(attendance)),
    forks: (attendance = {}) => new Forks({ ...ports, ...attendance }, runs(attendance)),
    trajectories: () => new Trajectories(ports, runs()),
    worker: ({ stock, ...options }) => new Worker({ ...ports, ...options, runsOf: (principal) => new Runs({ ...ports, principal, sandboxes: forMany(stock) }) }),
  };
}

/** The same for those who ask over HTTP. */
function servedRuns(ports: Omit<RunsPorts, 'principal'>): Pick<ServerPorts, 'runs' | 'history'> {
  const of = (as: Principal) => runServices({ ...ports, principal: as });
  return {
    runs: (as) => of(as).runs(),
    history: (as) => ({ forks: of(as).forks(), replays: of(as).replays(), trajectories: of(as).trajectories() }),
  };
}

/** Errors: `denied`. */
function demand(authority: Authority, principal: Principal, permission: Permission): void {
  if (!authority.may(principal, permission, principal.tenant)) throw new GloveboxError('denied', `no role of ${principal.name} lets him ${permission} this machine's glovebox`);
}

/** Whoever comes first makes himself the first key. Loaded by the command that needs it. */
async function serve(parts: Omit<ServerPorts, 'keys'>, as: Principal, options: Omit<ServeOptions, 'stock'>): Promise<RunningServer & { readonly firstKey?: string }> {
  const { ApiKeys, openServer } = await import('./server/index.ts');
  const keys = new ApiKeys(parts);
  const first = (await keys.isEmpty()) ? await keys.create({ name: 'first', tenant: as.tenant, roles: ['administrator'] }, as) : undefined;
  const server = await openServer({ ...parts, keys }, options);
  return first === undefined ? server : { ...server, firstKey: first.key };
}

/** Of the folder that the process was started in, and ours. */
function openPolicies(journal: Journal, notes: Notes, open: AsyncDisposableStack): { readonly policies: LivePolicies; readonly changes: RecordedChanges } {
  const changes = new RecordedChanges(journal);
  const files = new FilePolicies([resolve('policies'), join(ROOT, 'policies')]);
  return { policies: open.use(new LivePolicies(files, { onReload: (reload) => void said(reload, notes, changes) })), changes };
}

/** What cannot be written down is said all the same. */
async function said(reload: PolicyReload, notes: Notes, changes: RecordedChanges): Promise<void> {
  notes.tell(sayReload(reload));
  await changes.policy(reload.policy, reload.hash, reload.outcome === 'kept' ? reload.error.message : undefined).catch((error: unknown) => notes.tell(describeError(error)));
}

function sayReload(reload: PolicyReload): string {
  if (reload.outcome === 'changed') return `the policy ${reload.policy} has changed: sessions from now on are under ${reload.hash}, those that are open keep theirs`;
  return `the policy ${reload.policy} stays as it was, ${reload.hash}, for what is there now is none: ${reload.error.message}`;
}
