import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppendOptions, type Journal, type JournalEvent, type Model, type NewEvent, randomIds, type RunId, systemClock } from '../src/contracts/index.ts';
import { FencedJournal } from '../src/runs/fenced-journal.ts';
import { Runs } from '../src/runs/index.ts';
import { FolderOwnership, openSandboxes } from '../src/sandbox/index.ts';
import { calling, policyOf, type Reply, rig, ScriptedModel, tinyShell } from '../test/unit/runs/rig.ts';
import { machine, percentiles, type Report, round } from './report.ts';

const SUBMIT = calling('submit', { summary: 'done' });

/**
 * How long a run takes to go on: from `execute` to the first call of the model, its journal read and folded. And what a checkpoint costs that keeps one changed file of many, in a real
 * sandbox, beside what git needs for the same in a folder of the host, with its index warm.
 */
export default async function benchResume(quick: boolean): Promise<Report> {
  const steps = quick ? 200 : 1000;
  const files = quick ? 2_000 : 20_000;
  const resumeMs = await resumes(steps, quick ? 3 : 7);
  const { checkpointMs, gitMs } = await checkpoints(files, quick ? 3 : 15);
  return {
    bench: 'resume',
    machine: machine(),
    figures: { steps, resumeMs: percentiles(resumeMs), files, checkpointMs: percentiles(checkpointMs), gitAddWriteTreeMs: percentiles(gitMs) },
    ratios: { gitAddWriteTree: round(percentiles(gitMs).p50 / percentiles(checkpointMs).p50) },
  };
}

async function resumes(steps: number, times: number): Promise<number[]> {
  let stop = new AbortController();
  let calledAtMs = 0;
  let asked = 0;
  // By how often it was asked: what a long conversation is cut down to does not tell how far it is.
  const reply: Reply = () => {
    if (asked < steps) return calling('shell', { command: `look ${asked++} ${'x'.repeat(200)}` });
    calledAtMs = performance.now();
    stop.abort();
    return SUBMIT;
  };
  const model = new ScriptedModel(Array.from({ length: steps + 1 }, () => reply));
  await using at = rig({ interpreter: tinyShell, model, policy: policyOf(undefined, { budget: { usd: 100, tokens: 1e9, steps: 2 * steps } }) });
  const id = await at.create({ testCommand: '' });
  // What is measured comes after it.
  await interrupted(new Runs({ ...at.ports, journal: new Unsynced(at.ports.journal) }), id, stop.signal);
  const samples: number[] = [];
  for (let n = 0; n < times; n++) {
    stop = new AbortController();
    const began = performance.now();
    await interrupted(at.runs, id, stop.signal);
    samples.push(calledAtMs - began);
  }
  return samples;
}

/** Makes a journal of many steps without waiting for the disk at each. */
class Unsynced extends FencedJournal {
  constructor(journal: Journal) {
    super(journal, '', 0);
  }

  override append(stream: string, events: readonly NewEvent[], options: AppendOptions = {}): Promise<readonly JournalEvent[]> {
    return super.append(stream, events, { ...options, durable: false });
  }
}

async function interrupted(runs: Runs, id: RunId, signal: AbortSignal): Promise<void> {
  await runs.execute(id, { signal }).catch(() => {});
}

async function checkpoints(count: number, times: number): Promise<{ checkpointMs: number[]; gitMs: number[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-bench-'));
  const name = (at: number): string => `d${at % 100}/f${at}`;
  const files = Object.fromEntries(Array.from({ length: count }, (_, at) => [name(at), `content of ${at}\n`]));
  const model: Model = new ScriptedModel([...Array.from({ length: times }, (_, at) => calling('shell', { command: `echo ${at} >> ${name(at)}; sleep 0.1` })), SUBMIT]);
  const { sandboxes } = openSandboxes({ stateDir: folder, ownership: new FolderOwnership(folder), ids: randomIds(systemClock), env: process.env });
  const policy = policyOf(undefined, { kinds: ['process'] });
  try {
    await using at = rig({ files, interpreter: tinyShell, model, policy });
    const runs = new Runs({ ...at.ports, sandboxes });
    const id = await runs.create({ task: 'bench', repository: join(at.folder, 'repository'), model: 'scripted:script', policy: 'test', testCommand: '' });
    await runs.execute(id);
    const events = await at.events(id);
    const ends = events.flatMap((event, index) => (event.type === 'tool.ended' && events[index + 1]?.type === 'run.checkpoint' ? [event.timeMs] : []));
    const checkpointMs = ends.map((endMs) => endMs - (events.findLast((event) => event.type === 'command.ended' && event.timeMs <= endMs)?.timeMs ?? endMs));
    return { checkpointMs, gitMs: gitIn(join(folder, 'git'), files, times) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function gitIn(folder: string, files: Readonly<Record<string, string>>, times: number): number[] {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const git = (...args: string[]): void => void execFileSync('git', ['-C', folder, ...args]);
  git('init', '-q');
  git('add', '-A');
  return Array.from({ length: times }, (_, at) => {
    writeFileSync(join(folder, `d${at % 100}/f${at}`), `changed ${at}\n`);
    const began = performance.now();
    git('add', '-A');
    git('write-tree');
    return performance.now() - began;
  });
}
