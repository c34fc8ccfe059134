import { hash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CredentialDetector, Credentials, CredentialSources, EgressBroker, KnownSecrets, LentRecords, MasterEnvelopes, MasterKeys, newCredentials, OperatorFiles, OperatorRegistries, Redaction, RegistryCaches, SecretStore, systemResolver } from './broker/index.ts';
import type { ServeOptions, Services } from './cli/index.ts';
import { type Authority, type Clock, type Control, describeError, GloveboxError, type Journal, type KeptEnvelopes, type Permission, type Principal, type Redactor, randomIds, type Sandboxes, type SecretSource, systemClock, type TelemetryOptions, type WarmSandboxes } from './contracts/index.ts';
import { type DatabaseUrl, JournalTenants, ObservedJournal, openBlobs, openJournal, type PayloadKeys, readRetention, RedactedJournal } from './journal/index.ts';
import { ModelsByName } from './models/index.ts';
import { FilePolicies, LivePolicies, type PolicyReload, readAuthority, readBudgets, readNotifications } from './policy/index.ts';
import { Forks, JournalBudgets, openDatabaseQueue, openFileQueue, type QueueLimits, readQueueLimits, Replays, Runs, type RunsPorts, Trajectories, UsageReadings, Worker, wakeRun } from './runs/index.ts';
import { currentOwner, isOwnerDead, openSandboxes, ownerText } from './sandbox/index.ts';
import type { RunningServer, ServerPorts } from './server/index.ts';
import { type Attendance, halt, JournalApprovals, JournalControl, MasterKeyChange, RecordedChanges, RecordedSecrets, type SessionPorts } from './session/index.ts';
import { GitWorkspaces } from './workspace/index.ts';
import { withSecretFiles } from './secret-files.ts';

/** The checkout or the installed package. */
const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface Configuration {
  readonly env: Readonly<Record<string, string | undefined>>;
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
  const { images, prober, sandboxes, isolates, pooled } = openPlaces({ stateDir, ids, env, clock, open });
  const { policies, changes } = openPolicies(journal, notes, open);
  const { broker, caches, secretAt, ...lending } = openBroker({ env, stateDir, clock, known, journal, masterKeys, keptKeys, open });
  const { leases, queue, approvals } = await openQueue({ journal, database, clock, authority, stateDir, open });
  const work = { ...(await openWork(env, stateDir, keys)), policies, leases, queue };
  const budgets = new JournalBudgets({ journal, clock, limits, owner: ownerText(currentOwner()), isDead: isOwnerDead });
  const control = open.use(new JournalControl({ journal, authority }));
  const ports = { journal, redactor, control, budgets, sandboxes, isolates, broker, clock, ids, blobs: work.blobs, approvals, authority } satisfies SessionPorts;
  const operation = operate({ ...ports, isolates, pooled, env, stateDir, principal, queue, observed, notes, changes, open, secretAt, credentials: lending.credentials, journalPlace: written.journalPlace });
  return {
    ...ports,
    stateDir,
    version,
    demoDir: join(ROOT, 'demo'),
    ...written,
    policies,
    workspace: work.workspaces.passing(principal.tenant),
    tenants: new JournalTenants({ ...work.held(caches, written.journalPlace), journal, keys, files: work.files, clock, authority, retention: () => readRetention(env['GLOVEBOX_RETENTION'] ?? join(stateDir, 'retention.yaml')) }),
    images,
    prober,
    principal,
    ...lending,
    env,
    require: (permission) => demand(authority, principal, permission),
    sessionPorts: (attendance = {}) => ({ ...ports, ...attendance }),
    ...runServices({ ...ports, ...work, principal }),
    ...operation,
    serve: (options) => serve({ ...ports, halt: operation.halt, version, policies, secrets: lending.secrets, audit: written.audit, usage: operation.usage, owner: { name: ownerText(currentOwner()), isDead: isOwnerDead }, spoolDir: join(stateDir, 'spool'), answers: work.answers, sessions: { ...ports, sandboxes: operation.stocked(options.warm) }, ...servedRuns({ ...ports, ...work }) }, principal, options),
    mcp: async (served) => (await import('./server/index.ts')).serveMcp({ ...served, ports, version, redactor }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Where things run. */
function openPlaces({ open, ...options }: Parameters<typeof openSandboxes>[0] & { readonly open: AsyncDisposableStack }): ReturnType<typeof openSandboxes> {
  const places = openSandboxes(options);
  open.use(places.isolates);
  return places;
}

/** What runs work with beside what sessions do. */
async function openWork(env: Configuration['env'], stateDir: string, keys: PayloadKeys) {
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
      file: join(folder, `erased-${hash('sha256', journalPlace).slice(0, 12)}`),
      caches: { size: (tenant: string) => caches.size(tenant), forget: async (tenant: string) => void (await Promise.all([caches.forget(tenant), workspaces.forget(tenant)])) },
    }),
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
function runServices(ports: RunsPorts): Pick<Services, 'runs' | 'runsOf' | 'replays' | 'forks' | 'trajectories' | 'worker'> {
  const runs = (attendance: Attendance = {}): Runs => new Runs({ ...ports, ...attendance });
  return {
    runs,
    runsOf: (tenant) => new Runs({ ...ports, principal: { ...ports.principal, tenant } }),
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
async function serve(parts: Omit<ServerPorts, 'keys'>, as: Principal, options: ServeOptions): Promise<RunningServer & { readonly firstKey?: string }> {
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

/** Who is told what whoever runs this should know: another, once there is a log. */
interface Notes {
  tell: (text: string) => void;
}

/** What cannot be written down is said all the same. */
async function said(reload: PolicyReload, notes: Notes, changes: RecordedChanges): Promise<void> {
  notes.tell(sayReload(reload));
  await changes.policy(reload.policy, reload.hash, reload.outcome === 'kept' ? reload.error.message : undefined).catch((error: unknown) => notes.tell(describeError(error)));
}

type Places = Pick<ReturnType<typeof openSandboxes>, 'sandboxes' | 'isolates' | 'pooled'>;

interface OperationParts extends Places, Pick<RunsPorts, 'clock' | 'queue' | 'principal' | 'journal'> {
  readonly budgets: JournalBudgets;
  readonly env: Configuration['env'];
  readonly stateDir: string;
  readonly journalPlace: string;
  readonly redactor: Redactor;
  readonly control: Control;
  readonly observed: ObservedJournal;
  readonly notes: Notes;
  readonly changes: RecordedChanges;
  readonly secretAt: (source: SecretSource) => Promise<string>;
  readonly credentials: Credentials;
  readonly open: AsyncDisposableStack;
}

/** What a process that serves has beside what it serves: how it is watched, and sandboxes that stand ready. */
function operate(parts: OperationParts): Pick<Services, 'telemetry' | 'usage' | 'notifier' | 'tryChannels' | 'halt'> & { readonly stocked: (warm?: number) => Sandboxes } {
  const { clock, redactor, observed, queue, isolates, control, sandboxes, notes, changes, principal, open, journalPlace } = parts;
  let pool: WarmSandboxes | undefined;
  const sources = {
    queue: () => queue.depth(),
    isolates: () => isolates.load(),
    pool: () => (pool === undefined ? undefined : { stock: pool.stock(), ...pool.served() }),
    journalBytes: () => bytesOf(journalPlace),
    kinds: () => sandboxes.status(),
    stoppedBy: async () => (await control.stopOf({ tenant: '', stream: '' }))?.by,
  };
  return {
    usage: new UsageReadings(parts),
    halt: (scope, until) => halt({ ...parts, revoke: (isOf, signal) => parts.credentials.sweep(signal, isOf) }, scope, until),
    ...notifying(parts),
    telemetry: async (options: TelemetryOptions) => {
      const { ProcessTelemetry } = await import('./telemetry/index.ts');
      const telemetry = await ProcessTelemetry.open({ clock, redactor, journal: observed, sources }, options);
      notes.tell = (text) => telemetry.log.write('warn', text);
      await changes.files(await configuration(parts), principal.name);
      return telemetry;
    },
    stocked: (warm = 0) => (warm === 0 ? sandboxes : (pool ??= open.use(parts.pooled({ ceiling: warm })))),
  };
}

/** How people are told of what needs them. */
function notifying(parts: OperationParts): Pick<Services, 'notifier' | 'tryChannels'> {
  const { clock, journal, observed, stateDir, env, principal } = parts;
  const open = async () => {
    const document = await readNotifications(env['GLOVEBOX_NOTIFICATIONS'] ?? join(stateDir, 'notifications.yaml'));
    const { Notifier, openChannels, tryChannels } = await import('./notify/index.ts');
    return { document, channels: await openChannels(document, parts), Notifier, tryChannels };
  };
  return {
    notifier: async () => {
      const { document, channels, Notifier } = await open();
      const running = new AsyncDisposableStack();
      if (channels.length === 0) return running;
      const notifier = running.use(new Notifier({ journal, clock, channels, owner: ownerText(currentOwner()), isDead: isOwnerDead, baseUrl: document.base_url, note: (text) => parts.notes.tell(text) }));
      running.use(observed.observe(notifier));
      return running;
    },
    tryChannels: async (signal) => {
      const { channels, tryChannels } = await open();
      return tryChannels(channels, { nowMs: clock.now(), by: principal.name, signal });
    },
  };
}

/** A journal's file and its log; undefined where it is none. */
async function bytesOf(file: string): Promise<number | undefined> {
  const [main, log] = await Promise.all([file, `${file}-wal`].map((each) => stat(each).catch(() => undefined)));
  return main === undefined ? undefined : main.size + (log?.size ?? 0);
}

/** What the operator's files hold now, by hash: `sha256:…`. */
async function configuration({ env, stateDir }: Pick<OperationParts, 'env' | 'stateDir'>): Promise<Readonly<Record<string, string | undefined>>> {
  const names = ['roles.yaml', 'budgets.yaml', 'queue.yaml', 'credentials.yaml', 'registries.yaml', 'notifications.yaml'];
  const elsewhere: Readonly<Record<string, string | undefined>> = { 'roles.yaml': env['GLOVEBOX_ROLES'], 'budgets.yaml': env['GLOVEBOX_BUDGETS'], 'notifications.yaml': env['GLOVEBOX_NOTIFICATIONS'] };
  const contents = await Promise.all(names.map((name) => readFile(elsewhere[name] ?? join(stateDir, name)).catch(() => undefined)));
  return Object.fromEntries(names.map((name, i) => [name, contents[i] === undefined ? undefined : `sha256:${hash('sha256', contents[i])}`]));
}

function sayReload(reload: PolicyReload): string {
  if (reload.outcome === 'changed') return `the policy ${reload.policy} has changed: sessions from now on are under ${reload.hash}, those that are open keep theirs`;
  return `the policy ${reload.policy} stays as it was, ${reload.hash}, for what is there now is none: ${reload.error.message}`;
}

/** What this process was given to use itself: a provider may repeat it in an error, a repository may have it in a file. */
const OWN_SECRETS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GLOVEBOX_MASTER_KEY', 'GLOVEBOX_PREVIOUS_MASTER_KEY', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'] as const;

/** Nothing is written into it that the redactor has not seen. */
async function openRedactedJournal({ env, stateDir, clock, note, open }: { env: Configuration['env']; stateDir: string; clock: Clock; note: (text: string) => void; open: AsyncDisposableStack }) {
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

/** The way out, and what is lent on it. */
function openBroker({ env, stateDir, clock, known, journal, masterKeys, keptKeys, open }: { env: Configuration['env']; stateDir: string; clock: Clock; known: KnownSecrets; journal: Journal; masterKeys: MasterKeys; keptKeys: KeptEnvelopes; open: AsyncDisposableStack }) {
  const now = (): number => clock.now();
  const secrets = new SecretStore({ folder: resolve(env['GLOVEBOX_SECRETS'] ?? join(stateDir, 'secrets')), masterKeys, now });
  const records = new LentRecords({ folder: join(stateDir, 'lent'), masterKeys });
  const credentials = new Credentials({
    sources: new CredentialSources({ file: join(stateDir, 'credentials.yaml'), store: secrets, env, now }),
    records,
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
  const caches = new RegistryCaches(join(stateDir, 'registry-cache'));
  const broker = new EgressBroker({ clock, credentials, known, registries, resolve: systemResolver(join(stateDir, 'hosts')), caches });
  const secretAt = async (source: SecretSource): Promise<string> => {
    const value = await readSecret(source, env, secrets);
    known.add('notifications', value);
    return value;
  };
  return { broker, caches, secretAt, secrets: new RecordedSecrets({ secrets, journal }), masterKey: new MasterKeyChange({ keys: masterKeys, kept: [secrets, records, keptKeys], journal }), credentials, registries };
}

/** Errors: `config_invalid`, and those of the store. */
async function readSecret(source: SecretSource, env: Configuration['env'], store: SecretStore): Promise<string> {
  if ('secret' in source) return store.get(source.secret);
  const value = 'env' in source ? env[source.env]?.trim() : (await readFile(source.file, 'utf8').catch(() => undefined))?.trim();
  if (value !== undefined && value !== '') return value;
  throw new GloveboxError('config_invalid', `notifications.yaml names a secret that is not there: ${'env' in source ? `the variable ${source.env}` : source.file}`);
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
