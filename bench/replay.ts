import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newCredentials } from '../src/broker/index.ts';
import { Agent, type AgentSession, type Workbench } from '../src/agent/index.ts';
import { type Model, type ModelReply, type NewEvent, type Principal, randomIds, type RunId, systemClock } from '../src/contracts/index.ts';
import { FolderBlobs, SqliteJournal } from '../src/journal/index.ts';
import { FilePolicies } from '../src/policy/index.ts';
import { runOpening } from '../src/runs/opening.ts';
import { openFileQueue, foldRun, Replays, Runs, type RunsPorts } from '../src/runs/index.ts';
import { FolderOwnership, openSandboxes } from '../src/sandbox/index.ts';
import { RequestRecord } from '../src/session/index.ts';
import { GitWorkspaces } from '../src/workspace/index.ts';
import { machine, percentiles, type Report } from './report.ts';

const STEPS = 1_000;
const PRINCIPAL: Principal = { tenant: 'local', name: 'user:bench', roles: ['admin'] };
/** What a command answers with, in characters: as much as a test run or a source file. */
const ANSWER = 'a line of a source file or of a test report\n'.repeat(45);

const MODEL: Model = { provider: 'bench', name: 'model', worstCase: () => ({ tokens: 0 }), complete: () => Promise.reject(new Error('the session answers')) };

/** How long it takes to do a long run again from its journal, every request compared. */
export default async function replay(quick: boolean): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-bench-replay-'));
  await using open = new AsyncDisposableStack();
  open.defer(() => rmSync(folder, { recursive: true, force: true }));
  const steps = quick ? STEPS / 10 : STEPS;
  const ports = openPorts(folder, open);
  const runs = new Runs(ports);
  const repository = join(folder, 'repository');
  mkdirSync(repository);
  writeFileSync(join(repository, 'readme.md'), 'nothing\n');
  const id = await runs.create({ task: 'look at everything', repository, model: 'bench:model', policy: 'code-fix', testCommand: '' });
  const recordMs = await timed(() => record(ports, id, steps));
  const [foldMs, strictMs]: number[][] = [[], []];
  for (let round = 0; round < 3; round++) {
    foldMs?.push(await timed(async () => void foldRun(await ports.journal.read(id))));
    strictMs?.push(
      await timed(async () => {
        const { identical, strict } = await new Replays(ports, runs).strict(id, new AbortController().signal);
        if (!identical) throw new Error(`the replay differs: ${JSON.stringify(strict)}`);
      }),
    );
  }
  const figures = { steps, events: (await ports.journal.read(id)).length, recordMs: Math.round(recordMs), foldMs: percentiles(foldMs ?? []).p50, strictReplayMs: percentiles(strictMs ?? []).p50 };
  return { bench: 'replay', machine: machine(), figures, ratios: {} };
}

function openPorts(folder: string, open: AsyncDisposableStack): RunsPorts {
  const ids = randomIds(systemClock);
  const { sandboxes, isolates } = openSandboxes({ stateDir: folder, ownership: new FolderOwnership(folder), ids, env: process.env, clock: systemClock });
  open.use(isolates);
  const journal = open.use(new SqliteJournal(join(folder, 'journal.db')));
  const blobs = new FolderBlobs(join(folder, 'blobs'));
  const ports: RunsPorts = {
    journal,
    sandboxes,
    clock: systemClock,
    ids,
    blobs,
    workspaces: new GitWorkspaces({ folder: join(folder, 'trees'), blobs, credentials: newCredentials }),
    models: { open: () => Promise.resolve(MODEL) },
    policies: new FilePolicies([fileURLToPath(new URL('../policies', import.meta.url))]),
    ...openFileQueue({ journal, clock: systemClock, folder: join(folder, 'leases') }),
    principal: PRINCIPAL,
  };
  return ports;
}

/** Lets the agent work with a model and tools that answer at once, and writes what a session would. */
async function record(ports: RunsPorts, id: RunId, steps: number): Promise<void> {
  const write = async (...events: NewEvent[]): Promise<void> => void (await ports.journal.append(id, events));
  await write({ type: 'session.opened', data: { principal: PRINCIPAL.name, policy: 'bench', policyHash: '' } });
  const policy = await ports.policies.load('code-fix');
  const requests = new RequestRecord(ports.blobs.of(PRINCIPAL.tenant));
  let asked = 0;
  const session: AgentSession = {
    signal: new AbortController().signal,
    record: (events) => write(...events),
    redact: (value) => Promise.resolve(value),
    offers: (tool, version) => policy.decide({ action: 'tool.call', tool, version }).effect !== 'deny',
    callModel: async (_model, request) => {
      asked += 1;
      const call = `bench:model#${asked}`;
      await write({ type: 'model.started', data: { call, model: 'bench:model', ...(await requests.record(request)), worstCaseUsd: 0, worstCaseTokens: 0 } });
      const reply = replyOf(asked, asked === steps);
      await write({ type: 'model.ended', data: { call, reply } });
      return reply;
    },
  };
  const workbench: Workbench = {
    call: (call) => Promise.resolve({ outcome: { callId: call.id, tool: call.name, ok: true, text: `${asked}\n${ANSWER}` }, ...(call.name === 'submit' ? { submitted: 'done' } : {}) }),
    settle: async (call, outcome, submitted) => {
      await write({ type: 'tool.ended', data: { call, outcome } }, ...(submitted === undefined ? [] : [{ type: 'run.submitted', data: { summary: submitted } } as const]));
      return outcome;
    },
  };
  await new Agent().run({ session, model: MODEL, workbench, opening: await runOpening(ports.workspaces.of(PRINCIPAL.tenant), await new Runs(ports).show(id), undefined), history: [] });
}

function replyOf(step: number, isLast: boolean): ModelReply {
  const usage = { inputTokens: 10, outputTokens: 50, cacheReadTokens: 5_000, cacheWriteTokens: 500, reasoningTokens: 0 };
  const call = isLast ? { id: `c${step}`, name: 'submit', input: { summary: 'done' } } : { id: `c${step}`, name: 'shell', input: { command: `sed -n ${step},+40p src/file-${step}.ts` } };
  return { text: `I look at part ${step} now, since what came before it says nothing about the failure.`, calls: [call], stop: 'tools', usage, usd: 0, raw: null };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
