import { appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newCredentials } from '../../src/broker/index.ts';
import { type Authority, type BlobStore, type Model, randomIds, type RunningCommand, type Sandbox, type Sandboxes, systemClock } from '../../src/contracts/index.ts';
import { FolderBlobs, SqliteJournal } from '../../src/journal/index.ts';
import { openFileQueue, Runs, type RunsPorts } from '../../src/runs/index.ts';
import { BubblewrapDriver } from '../../src/sandbox/bubblewrap/index.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import { InitBinary } from '../../src/sandbox/init-binary.ts';
import { JournalApprovals } from '../../src/session/index.ts';
import { GitWorkspaces } from '../../src/workspace/index.ts';
import { TESTER } from '../support/principal.ts';
import { calling, policyOf, type Reply, ScriptedModel } from '../unit/runs/rig.ts';
import type { KillPoints } from './kill-points.ts';

/** What every model call is kept at where nobody knows what became of it. */
export const USD = 0.25;

/** Whose effects would show if they happened twice: in the workspace and beside it. A person is asked about the command; the edit goes by the file API. */
export const SCRIPT: readonly Reply[] = [
  calling('shell', { command: 'echo one >> log.txt; echo x >> /tmp/count; wc -l < /tmp/count' }),
  calling('edit', { command: 'str_replace', path: 'a.txt', old_str: 'bad', new_str: 'good' }),
  calling('submit', { summary: 'made it good' }),
];

const POLICY = policyOf((request) => (request.action === 'command.exec' && request.argv[0] === 'bash' ? { effect: 'ask' } : undefined), {
  kinds: ['process'],
  sandbox: { cpu: 1, memoryBytes: 2 ** 27, pids: 64, diskBytes: 2 ** 26, inodes: 10_000, openFiles: 256 },
  approvals: { by: TESTER.roles, expiresMs: 600_000, own: true },
});

const EVERYBODY: Authority = { principal: () => TESTER, holding: () => TESTER, may: () => true };

/** Runs over real parts in a folder; another process that names the same folder shares them. The model writes a line for each call into a file. */
export function openParts(folder: string) {
  const clock = systemClock;
  const journal = new SqliteJournal(join(folder, 'journal.db'));
  const blobs = new FolderBlobs(join(folder, 'blobs'));
  const model = new CountingModel(join(folder, 'model-calls'));
  const ports: RunsPorts = {
    journal,
    sandboxes: sandboxesIn(folder),
    clock,
    ids: randomIds(clock),
    blobs,
    workspaces: new GitWorkspaces({ folder: join(folder, 'trees'), blobs, credentials: newCredentials }),
    models: { open: () => Promise.resolve(model) },
    policies: { load: () => Promise.resolve(POLICY) },
    ...openFileQueue({ journal, clock, folder: join(folder, 'leases') }),
    approvals: new JournalApprovals({ journal, clock, authority: EVERYBODY }),
    principal: TESTER,
  };
  return { ports, folder, runs: new Runs(ports) };
}

/** The one kind, without asking each time whether it works here: a process that dies soon has no time for that. */
function sandboxesIn(stateDir: string): Sandboxes {
  // init is taken from where the test has put it.
  const init = new InitBinary({ stateDir: join(tmpdir(), 'glovebox-tests') });
  const driver = new BubblewrapDriver({ stateDir, ownership: new FolderOwnership(stateDir), ids: randomIds(systemClock), clock: systemClock, init });
  return {
    create: (_kinds, spec, { signal } = {}) => driver.create(spec, signal),
    adopt: (id, signal) => driver.adopt(id, signal),
    list: () => driver.list(),
    status: async (signal) => [await driver.status(signal)],
    sweep: (options) => driver.sweep(options),
  };
}

/** The same with a point before and after everything that it does. */
export function deadlyRuns({ ports, folder }: ReturnType<typeof openParts>, points: KillPoints): Runs {
  const command = (made: unknown): unknown => {
    const running = points.around(made as RunningCommand, 'command', ['forget']);
    const end = running.end.then((known) => {
      points.pass('at the end of a command');
      return known;
    });
    return new Proxy(running, { get: (target, property) => (property === 'end' ? end : (Reflect.get(target, property) as unknown)) });
  };
  const sandbox = (made: unknown): unknown => {
    const real = made as Sandbox;
    const files = points.around(real.files, 'files', ['list', 'pack', 'unpack', 'read', 'write', 'remove']);
    const around = points.around(real, 'sandbox', ['exec', 'destroy'], (result, method) => (method === 'exec' ? command(result) : result));
    return new Proxy(around, { get: (target, property) => (property === 'files' ? files : (Reflect.get(target, property) as unknown)) });
  };
  const blobs: BlobStore = { of: (tenant) => points.around(ports.blobs.of(tenant), 'blobs', ['put', 'putStream']) };
  const workspaces = new GitWorkspaces({ folder: join(folder, 'trees'), blobs, credentials: newCredentials });
  return new Runs({
    ...ports,
    journal: points.around(ports.journal, 'journal', ['append']),
    sandboxes: points.around(ports.sandboxes, 'sandboxes', ['create', 'adopt'], sandbox),
    blobs,
    workspaces: { of: (tenant) => points.around(workspaces.of(tenant), 'workspace', ['store', 'update']), forget: (tenant) => workspaces.forget(tenant) },
    models: { open: async (name) => points.around(await ports.models.open(name), 'model', ['complete']) },
  });
}

class CountingModel extends ScriptedModel {
  readonly #file: string;

  constructor(file: string) {
    super(SCRIPT, USD);
    this.#file = file;
  }

  override complete(...[request, options]: Parameters<Model['complete']>): ReturnType<Model['complete']> {
    appendFileSync(this.#file, 'called\n');
    return super.complete(request, options);
  }
}
