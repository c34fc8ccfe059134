import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Decision,
  type DecisionRequest,
  type JournalEvent,
  type Model,
  type ModelReply,
  type ModelRequest,
  type Policy,
  type PolicyGrant,
  type RunId,
  randomIds,
  systemClock,
} from '../../../src/contracts/index.ts';
import { newCredentials } from '../../../src/broker/index.ts';
import { FolderBlobs, SqliteJournal } from '../../../src/journal/index.ts';
import { openFileQueue, type RunInput, Runs, type RunsPorts } from '../../../src/runs/index.ts';
import { GitWorkspaces } from '../../../src/workspace/index.ts';
import { TESTER } from '../../support/principal.ts';
import { FakeSandboxes, type Interpreter } from './fake-sandboxes.ts';

export type Reply = Partial<ModelReply> | ((request: ModelRequest) => Partial<ModelReply> | Promise<Partial<ModelReply>>);

/** Answers by how many answers the request has already, so that a resumed run goes on where it was. */
export class ScriptedModel implements Model {
  readonly provider = 'scripted';
  readonly name = 'script';
  readonly requests: ModelRequest[] = [];
  readonly #replies: readonly Reply[];
  readonly #usdACall: number;

  constructor(replies: readonly Reply[], usdACall = 0) {
    this.#replies = replies;
    this.#usdACall = usdACall;
  }

  worstCase(): { usd: number; tokens: number } {
    return { usd: this.#usdACall, tokens: 100 };
  }

  async complete(request: ModelRequest, options: { signal?: AbortSignal } = {}): Promise<ModelReply> {
    this.requests.push(request);
    const position = request.messages.filter((message) => message.role === 'assistant').length;
    const made = this.#replies[position] ?? { text: 'nothing left to say' };
    const reply = typeof made === 'function' ? await made(request) : made;
    options.signal?.throwIfAborted();
    const usage = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
    return { text: '', calls: [], stop: (reply.calls?.length ?? 0) > 0 ? 'tools' : 'done', usage, usd: this.#usdACall, raw: null, ...reply };
  }
}

let calls = 0;

/** A reply that calls one tool. */
export function calling(name: string, input: unknown): Partial<ModelReply> {
  calls += 1;
  return { calls: [{ id: `call_${calls}`, name, input }] };
}

const GRANT: PolicyGrant = {
  image: 'base',
  kinds: ['container'],
  hardLimits: false,
  sandbox: { cpu: 1, memoryBytes: 1e9, pids: 100, diskBytes: 1e9, inodes: 1e5, openFiles: 1024 },
  command: { wallMs: 60_000 },
  javascript: { memoryBytes: 128 * 2 ** 20, place: 'host', functions: ['files', 'tools'] },
  credentials: [],
      variables: [],
  session: { wallMs: 600_000, idleMs: 600_000 },
  budget: { usd: 100, tokens: 1e9, steps: 100 },
};

export function policyOf(decide: (request: DecisionRequest) => Partial<Decision> | undefined = () => undefined, grant: Partial<PolicyGrant> = {}): Policy {
  const reason = { effect: 'allow', rule: 'test', text: 'allowed by the test' } as const;
  return {
    name: 'test',
    hash: 'sha256:policy',
    mode: 'enforce',
    grant: { ...GRANT, ...grant },
    decide: (request) => ({ effect: 'allow', reason, lost: [], policy: 'sha256:policy', ...decide(request) }),
  };
}

export interface Rig extends AsyncDisposable {
  readonly ports: RunsPorts;
  readonly runs: Runs;
  readonly sandboxes: FakeSandboxes;
  readonly folder: string;
  create(input?: Partial<RunInput>): Promise<RunId>;
  events(id: RunId): Promise<readonly JournalEvent[]>;
  count(id: RunId, type: JournalEvent['type']): Promise<number>;
}

/** Runs over a real journal, real trees and real leases; only sandboxes and the model are the test's. */
export function rig(options: { files?: Record<string, string>; interpreter: Interpreter; model: Model; policy?: Policy; approver?: RunsPorts['approver'] }): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-runs-'));
  const repository = join(folder, 'repository');
  for (const [path, text] of Object.entries(options.files ?? { 'a.txt': 'bad\n' })) {
    mkdirSync(dirname(join(repository, path)), { recursive: true });
    writeFileSync(join(repository, path), text);
  }
  const journal = new SqliteJournal(join(folder, 'journal.db'));
  const sandboxes = new FakeSandboxes(options.interpreter);
  const blobs = new FolderBlobs(join(folder, 'blobs'));
  const policy = options.policy ?? policyOf();
  const ports: RunsPorts = {
    journal,
    sandboxes,
    clock: systemClock,
    ids: randomIds(systemClock),
    blobs,
    workspaces: new GitWorkspaces({ folder: join(folder, 'trees'), blobs, credentials: newCredentials }),
    models: { open: () => Promise.resolve(options.model) },
    policies: { load: () => Promise.resolve(policy) },
    ...openFileQueue({ journal, clock: systemClock, folder: join(folder, 'leases') }),
    principal: TESTER,
    ...(options.approver === undefined ? {} : { approver: options.approver }),
  };
  const runs = new Runs(ports);
  return {
    ports,
    runs,
    sandboxes,
    folder,
    create: (input = {}) => runs.create({ task: 'make it good', repository, model: 'scripted:script', policy: 'test', testCommand: 'check', ...input }),
    events: (id) => journal.read(id),
    count: async (id, type) => (await journal.read(id)).filter((event) => event.type === type).length,
    async [Symbol.asyncDispose]() {
      await journal[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A tiny shell: `check` is green when a.txt says good; `set <path> <text>` writes; `append <path> <text>` shows effects that happened twice;
 * `rm <path>`; anything else prints itself.
 */
export const tinyShell: Interpreter = ({ argv, files }) => {
  const text = argv.at(-1) ?? '';
  const [verb, path = '', ...words] = text.split(' ');
  if (text.startsWith('command -v git')) return {};
  if (verb === 'check') return files.text('a.txt')?.startsWith('good') === true ? { stdout: 'ok' } : { stdout: 'not good', exitCode: 1 };
  if (verb === 'set') files.put(path, `${words.join(' ')}\n`);
  else if (verb === 'append') files.put(path, `${files.text(path) ?? ''}${words.join(' ')}\n`);
  else if (verb === 'rm') files.delete(path);
  else return { stdout: text };
  return {};
};
