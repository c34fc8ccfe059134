import type { RunId } from '../contracts/index.ts';
import type { RunState } from '../runs/index.ts';
import { attendanceAt } from './attendance.ts';
import type { Place, RunRow } from './place.ts';
import { describeEscalation, howEnded, Progress } from './progress.ts';
import { runId } from './run-id.ts';
import { printable, type Terminal } from './terminal.ts';
import { type Delivery, workOnRun } from './work-on-run.ts';

export async function listRuns(place: Place, terminal: Terminal, options: { limit?: number; json?: boolean }): Promise<number> {
  const listings = await place.runs().list(options.limit === undefined ? {} : { limit: options.limit });
  if (options.json === true) {
    await terminal.json({ runs: listings.map(({ id, state, standing }) => ({ id, status: standing, task: state.task, createdMs: state.createdMs, summary: state.summary })) });
  } else if (listings.length === 0) terminal.note('there are no runs yet');
  else for (const listing of listings) await terminal.data(`${row(listing)}\n`);
  return 0;
}

/** One run: its events as progress on stderr, its state on stdout. With `patch`, only the patch. */
export async function showRun(place: Place, terminal: Terminal, id: string, options: { json?: boolean; patch?: boolean }): Promise<number> {
  const runs = place.runs();
  const run = runId(id);
  const state = await runs.show(run);
  if (options.patch === true) await terminal.data((await runs.patch(run)).text);
  else if (options.json === true) await terminal.json({ id: run, ...state, events: await place.journal.read(run) });
  else {
    const progress = new Progress(terminal);
    for (const event of await place.journal.read(run)) progress.show(event);
    await terminal.data(describe(run, state));
  }
  return 0;
}

/** Goes on with a run here; one that workers or somebody else have is only let go on. */
export async function resumeRun(place: Place, terminal: Terminal, text: string, options: Delivery, signal: AbortSignal): Promise<number> {
  const runs = place.runs(attendanceAt(terminal, place.principal));
  const id = runId(text);
  const { status: stage, life } = await runs.show(id);
  const isOthers = life.place.at !== 'nowhere' || (life.requests.paused !== undefined && (await runs.isRunning(id)));
  if (stage !== 'ended' && life.requests.paused !== undefined) await runs.steer.goOn(id);
  else if (stage !== 'ended' && isOthers) await runs.steer.wake(id);
  if (stage === 'ended' || !isOthers) return await workOnRun({ journal: place.journal, runs }, terminal, id, options, signal);
  terminal.note(`${id} goes on where it is: glovebox runs watch ${id}`);
  return 0;
}

function row({ id, state, standing }: RunRow): string {
  const [first = ''] = state.task.trim().split('\n');
  return `${id}  ${standing.padEnd(11)}  ${new Date(state.createdMs).toISOString().slice(0, 19)}Z  ${printable(first.slice(0, 70))}`;
}

function unfinished(id: RunId, { waitingFor, life }: RunState): string {
  const { place, requests } = life;
  if (place.at === 'parked' && place.why === 'approval') return `waiting for an answer, holding nothing: glovebox approvals ${place.approval ?? ''}`;
  if (requests.paused !== undefined) return `paused by ${requests.paused.by}: glovebox runs resume ${id}`;
  if (place.at === 'queue') return `waiting for a worker${place.notBeforeMs === undefined ? '' : `, from ${new Date(place.notBeforeMs).toISOString()} on`}${life.attempts === 0 ? '' : ` (it failed ${life.attempts} times)`}`;
  if (place.at === 'worker') return `at ${place.worker}: glovebox runs watch ${id}`;
  return waitingFor === undefined ? `not ended: glovebox runs resume ${id}` : `waiting for an answer: glovebox approvals ${waitingFor}`;
}

function describeOrigin({ spent, ...origin }: NonNullable<RunState['origin']>): string {
  const before = `${spent.steps} steps, ${spent.tokens} tokens and $${spent.usd.toFixed(4)} before it`;
  if (origin.how === 'imported') return `${origin.format} of ${origin.agent} (${origin.model}); ${before}`;
  return `forked from ${origin.parent.run} at step ${origin.parent.step}; ${before}`;
}

function describe(id: RunId, state: RunState): string {
  const lines = [
    ['run', id],
    ['status', state.summary === undefined ? unfinished(id, state) : `${state.summary.outcome}: ${state.summary.detail}`],
    ...(state.origin === undefined ? [] : [['origin', describeOrigin(state.origin)] as const]),
    ['task', state.task.trim()],
    ['repository', state.repository],
    ['model', state.options?.model ?? 'unknown'],
    ['policy', `${state.options?.policy ?? 'unknown'} ${state.options?.policyHash ?? ''}`],
    ['before', state.before === undefined ? 'not tested' : `${state.before.command}: ${howEnded(state.before)}`],
    ['after', state.after === undefined ? 'not tested' : `${state.after.command}: ${howEnded(state.after)}`],
    ['spent', `${state.spent.steps} steps, ${state.spent.tokens} tokens, $${state.spent.usd.toFixed(4)}`],
    ...state.fallbacks.map(({ from, to, code }) => ['fell back', `from ${from} to ${to} (${code})`] as const),
    ...(state.escalation === undefined ? [] : [['needs help', describeEscalation(state.escalation).replaceAll('\n', `\n${' '.repeat(12)}`)] as const]),
  ] as const;
  // An imported run says what its file says.
  return lines.map(([name, value]) => `${name.padEnd(11)} ${printable(value)}\n`).join('');
}
