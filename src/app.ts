import { mkdir } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EgressBroker, systemResolver } from './broker/index.ts';
import type { Services } from './cli/index.ts';
import { GloveboxError, randomIds, systemClock } from './contracts/index.ts';
import { FolderBlobs, SqliteJournal } from './journal/index.ts';
import { ModelsByName } from './models/index.ts';
import { FilePolicies, LivePolicies, type PolicyReload, readAuthority } from './policy/index.ts';
import { FileLeases, Runs } from './runs/index.ts';
import { openSandboxes } from './sandbox/index.ts';
import { JournalApprovals, type SessionPorts } from './session/index.ts';
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
  const authority = await readAuthority(env['GLOVEBOX_ROLES'] ?? join(stateDir, 'roles.yaml'));
  const principal = authority.principal(userInfo().username);
  const journal = new SqliteJournal(join(stateDir, 'journal.db'), { clock });
  const blobs = new FolderBlobs(join(stateDir, 'blobs'));
  const { sandboxes, images, isolates, prober } = openSandboxes({ stateDir, ids, env, clock });
  const workspace = new GitWorkspace({ storeDir: join(stateDir, 'trees.git'), environment: env });
  const policies = openPolicies(note);
  const models = new ModelsByName({ env, transcriptFolder: process.cwd() });
  const leases = new FileLeases(join(stateDir, 'leases'));
  const broker = new EgressBroker({ clock, resolve: systemResolver(join(stateDir, 'hosts')) });
  const approvals = new JournalApprovals({ journal, clock, authority });
  const ports: SessionPorts = { journal, sandboxes, isolates, broker, clock, ids, blobs, approvals, authority };
  return {
    stateDir,
    version,
    demoDir: join(ROOT, 'demo'),
    journal,
    policies,
    sandboxes,
    workspace,
    images,
    prober,
    approvals,
    principal,
    env,
    require: (permission) => {
      if (!authority.may(principal, permission, principal.tenant)) throw new GloveboxError('denied', `no role of ${principal.name} lets him ${permission} this machine's glovebox`);
    },
    sessionPorts: (attendance = {}) => ({ ...ports, ...attendance }),
    runs: (attendance = {}) => new Runs({ ...ports, ...attendance, principal, blobs, workspace, models, policies, leases }),
    [Symbol.asyncDispose]: () => disposeInTurn(policies, isolates, journal),
  };
}

async function disposeInTurn(...parts: readonly AsyncDisposable[]): Promise<void> {
  for (const part of parts) await part[Symbol.asyncDispose]();
}

/** Of the folder that the process was started in, and ours. */
function openPolicies(note: (text: string) => void): LivePolicies {
  return new LivePolicies(new FilePolicies([resolve('policies'), join(ROOT, 'policies')]), { onReload: (reload) => note(sayReload(reload)) });
}

function sayReload(reload: PolicyReload): string {
  if (reload.outcome === 'changed') return `the policy ${reload.policy} has changed: sessions from now on are under ${reload.hash}, those that are open keep theirs`;
  return `the policy ${reload.policy} stays as it was, ${reload.hash}, for what is there now is none: ${reload.error.message}`;
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
