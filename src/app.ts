import { mkdir } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CredentialDetector, Credentials, CredentialSources, EgressBroker, KnownSecrets, LentRecords, MasterKey, OperatorFiles, OperatorRegistries, Redaction, SecretStore, systemResolver } from './broker/index.ts';
import type { Services } from './cli/index.ts';
import { type Authority, type Clock, GloveboxError, type Journal, type Permission, type Principal, randomIds, systemClock } from './contracts/index.ts';
import { type DatabaseUrl, openBlobs, openJournal, RedactedJournal } from './journal/index.ts';
import { ModelsByName } from './models/index.ts';
import { FilePolicies, LivePolicies, type PolicyReload, readAuthority, readBudgets } from './policy/index.ts';
import { Forks, JournalBudgets, openDatabaseQueue, openFileQueue, type QueueLimits, readQueueLimits, Replays, Runs, type RunsPorts, Trajectories, UsageReadings, Worker, wakeRun } from './runs/index.ts';
import { currentOwner, isOwnerDead, openSandboxes, ownerText } from './sandbox/index.ts';
import type { RunningServer, ServerOptions, ServerPorts } from './server/index.ts';
import { type Attendance, JournalApprovals, JournalControl, type SessionPorts } from './session/index.ts';
import { GitWorkspace } from './workspace/index.ts';

/** The checkout or the installed package. */
const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface Configuration {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Told what whoever runs this should know, a line each. */
  readonly note?: (text: string) => void;
}

/** Reads the configuration and builds everything: the only place that knows all rooms. */
export async function openServices({ env, version, note = () => {} }: Configuration): Promise<Services> {
  const stateDir = await stateFolder(env);
  const clock = systemClock;
  const ids = randomIds(clock);
  const { authority, principal, limits } = await readPeople(env, stateDir);
  const open = new AsyncDisposableStack();
  const { known, database, ...written } = await openRedactedJournal({ env, stateDir, clock, note, open });
  const { journal, redactor } = written;
  const { sandboxes, images, isolates, prober } = openSandboxes({ stateDir, ids, env, clock });
  open.use(isolates);
  const policies = open.use(openPolicies(note));
  const { broker, ...lending } = openBroker({ env, stateDir, clock, known, open });
  const { leases, queue, approvals } = await openQueue({ journal, database, clock, authority, stateDir, open });
  const work = { ...(await openWork(env, stateDir)), policies, leases, queue };
  const budgets = new JournalBudgets({ journal, clock, limits, owner: ownerText(currentOwner()), isDead: isOwnerDead });
  const control = open.use(new JournalControl({ journal, authority }));
  const usage = new UsageReadings({ journal, budgets });
  const ports = { journal, redactor, control, budgets, sandboxes, isolates, broker, clock, ids, blobs: work.blobs, approvals, authority } satisfies SessionPorts;
  return {
    ...ports,
    stateDir,
    version,
    demoDir: join(ROOT, 'demo'),
    ...written,
    policies,
    workspace: work.workspace,
    usage,
    images,
    prober,
    principal,
    ...lending,
    env,
    require: (permission) => demand(authority, principal, permission),
    sessionPorts: (attendance = {}) => ({ ...ports, ...attendance }),
    ...runServices({ ...ports, ...work, principal }),
    serve: (options) => serve({ ...ports, version, policies, secrets: lending.secrets, audit: written.audit, usage, owner: { name: ownerText(currentOwner()), isDead: isOwnerDead }, spoolDir: join(stateDir, 'spool'), sessions: ports, ...servedRuns({ ...ports, ...work }) }, principal, options),
    mcp: async (served) => (await import('./server/index.ts')).serveMcp({ ...served, ports, version, redactor }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** What runs work with beside what sessions do. */
async function openWork(env: Configuration['env'], stateDir: string) {
  return {
    blobs: await openBlobs(env, stateDir),
    workspace: new GitWorkspace({ storeDir: resolve(env['GLOVEBOX_TREES'] ?? join(stateDir, 'trees.git')), environment: env }),
    models: new ModelsByName({ env, transcriptFolder: process.cwd() }),
  };
}

/** Who there is, who this is, and what each may spend. */
async function readPeople(env: Configuration['env'], stateDir: string) {
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
function runServices(ports: RunsPorts): Pick<Services, 'runs' | 'replays' | 'forks' | 'trajectories' | 'worker'> {
  const runs = (attendance: Attendance = {}): Runs => new Runs({ ...ports, ...attendance });
  return {
    runs,
    replays: (attendance = {}) => new Replays({ ...ports, ...attendance }, runs(attendance)),
    forks: (attendance = {}) => new Forks({ ...ports, ...attendance }, runs(attendance)),
    trajectories: () => new Trajectories(ports, runs()),
    worker: (options) => new Worker({ ...ports, ...options, runsOf: (principal) => new Runs({ ...ports, principal }) }),
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
async function serve(parts: Omit<ServerPorts, 'keys'>, as: Principal, options: ServerOptions): Promise<RunningServer & { readonly firstKey?: string }> {
  const { ApiKeys, openServer } = await import('./server/index.ts');
  const keys = new ApiKeys(parts);
  const first = (await keys.isEmpty()) ? await keys.create({ name: 'first', tenant: as.tenant, roles: ['administrator'] }, as) : undefined;
  const server = await openServer({ ...parts, keys }, options);
  return first === undefined ? server : { ...server, firstKey: first.key };
}

/** Of the folder that the process was started in, and ours. */
function openPolicies(note: (text: string) => void): LivePolicies {
  return new LivePolicies(new FilePolicies([resolve('policies'), join(ROOT, 'policies')]), { onReload: (reload) => note(sayReload(reload)) });
}

function sayReload(reload: PolicyReload): string {
  if (reload.outcome === 'changed') return `the policy ${reload.policy} has changed: sessions from now on are under ${reload.hash}, those that are open keep theirs`;
  return `the policy ${reload.policy} stays as it was, ${reload.hash}, for what is there now is none: ${reload.error.message}`;
}

/** What this process was given to use itself: a provider may repeat it in an error, a repository may have it in a file. */
const OWN_SECRETS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GLOVEBOX_MASTER_KEY'] as const;

/** Nothing is written into it that the redactor has not seen. */
async function openRedactedJournal({ env, stateDir, clock, note, open }: { env: Configuration['env']; stateDir: string; clock: Clock; note: (text: string) => void; open: AsyncDisposableStack }) {
  const known = new KnownSecrets();
  for (const variable of OWN_SECRETS) {
    const value = env[variable]?.trim() ?? '';
    if (value !== '') known.add(variable.toLowerCase().replaceAll('_', '-'), value);
  }
  const { journal: store, audit, place, secret, database } = await openJournal({ env, stateDir, clock, note });
  if (secret !== undefined) known.add('glovebox-database-password', secret);
  const redactor = new Redaction(known, open.use(new CredentialDetector()));
  open.use(audit);
  // Closed before the audit, which signs what was appended until then.
  const journal = open.use(new RedactedJournal(store, redactor));
  return { journal, journalPlace: place, audit, redactor, known, database };
}

/** The way out, and what is lent on it. */
function openBroker({ env, stateDir, clock, known, open }: { env: Configuration['env']; stateDir: string; clock: Clock; known: KnownSecrets; open: AsyncDisposableStack }) {
  const now = (): number => clock.now();
  const masterKey = new MasterKey({ env, stateDir });
  const secrets = new SecretStore({ folder: join(stateDir, 'secrets'), masterKey, now });
  const credentials = new Credentials({
    sources: new CredentialSources({ file: join(stateDir, 'credentials.yaml'), store: secrets, env, now }),
    records: new LentRecords({ folder: join(stateDir, 'lent'), masterKey }),
    owner: ownerText(currentOwner()),
    isDead: isOwnerDead,
    known,
    now,
  });
  // What a process that died had been lent is revoked, while others do what they came for.
  const stop = new AbortController();
  const sweeping = credentials.sweep(stop.signal).catch(() => {});
  open.defer(async () => {
    stop.abort();
    await sweeping;
  });
  const registries = new OperatorRegistries({ files: new OperatorFiles({ env, home: env['HOME'] ?? homedir() }), file: join(stateDir, 'registries.yaml') });
  const broker = new EgressBroker({ clock, credentials, known, registries, resolve: systemResolver(join(stateDir, 'hosts')) });
  return { broker, secrets, credentials, registries };
}

async function stateFolder(env: Configuration['env']): Promise<string> {
  const folder = env['GLOVEBOX_HOME'] ?? join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'glovebox');
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new GloveboxError('config_invalid', `the state folder ${folder} cannot be made: set GLOVEBOX_HOME to a folder of yours`, { cause: error });
  }
  return resolve(folder);
}
