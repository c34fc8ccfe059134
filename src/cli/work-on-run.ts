import { writeFile } from 'node:fs/promises';
import { GloveboxError, type Journal, type JournalEvent, type RunId, type RunSummary } from '../contracts/index.ts';
import type { RunState } from '../runs/index.ts';
import type { PlacedRuns } from './place.ts';
import { howEnded, Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';

/** Where the patch goes; stdout when nothing is said. */
export interface Delivery {
  readonly apply?: boolean;
  readonly branch?: string;
  readonly push?: string;
  readonly patch?: string;
  readonly json?: boolean;
}

interface Work {
  readonly journal: Pick<Journal, 'read'>;
  readonly runs: PlacedRuns;
}

/** Works on a run to its end with live progress, then delivers the patch and prints the summary. Gives the exit code. */
export async function workOnRun({ journal, runs }: Work, terminal: Terminal, id: RunId, delivery: Delivery, signal: AbortSignal): Promise<number> {
  const summary = await executeAloud({ journal, runs }, terminal, id, signal);
  const delivered = await deliver(runs, terminal, id, summary, delivery, signal);
  if (delivery.json === true) await printJson(runs, terminal, id, summary, delivered);
  else printSummary(terminal, await runs.show(id), id, summary, delivered);
  return exitCode(summary);
}

async function executeAloud({ journal, runs }: Work, terminal: Terminal, id: RunId, signal: AbortSignal): Promise<RunSummary> {
  const progress = new Progress(terminal);
  const quiet = new AbortController();
  let shown = (await runs.show(id)).lastSeq;
  const show = (event: JournalEvent): void => {
    progress.show(event);
    shown = event.seq;
  };
  const following = (async () => {
    for await (const event of runs.follow(id, { afterSeq: shown, signal: quiet.signal })) show(event);
  })();
  try {
    return await runs.execute(id, { signal });
  } finally {
    quiet.abort();
    await following.catch(() => {});
    for (const event of await journal.read(id, shown)) show(event);
  }
}

/** What became of the patch, in words. */
async function deliver(runs: PlacedRuns, terminal: Terminal, id: RunId, summary: RunSummary, delivery: Delivery, signal: AbortSignal): Promise<string> {
  if (summary.patchBlob === undefined) return 'none';
  const good = summary.outcome === 'fixed' || summary.outcome === 'unverified';
  if (delivery.patch !== undefined) {
    const patch = await runs.patch(id, signal);
    await writeFile(delivery.patch, patch.text);
    await runs.exported(id, 'patch', delivery.patch);
    return `written to ${delivery.patch}`;
  }
  if ((delivery.apply === true || delivery.branch !== undefined || delivery.push !== undefined) && !good) {
    return `not delivered, since the run did not succeed; \`glovebox runs show ${id} --patch\` prints it`;
  }
  if (delivery.apply === true) {
    await runs.apply(id, signal);
    return 'applied to the working tree';
  }
  if (delivery.branch !== undefined) {
    const commit = await runs.branch(id, delivery.branch, signal);
    return `branch ${delivery.branch} at ${commit.slice(0, 12)}`;
  }
  if (delivery.push !== undefined) {
    const commit = await runs.push(id, delivery.push, signal);
    return `pushed as ${delivery.push} at ${commit.slice(0, 12)}`;
  }
  if (delivery.json !== true) {
    await terminal.data((await runs.patch(id, signal)).text);
    await runs.exported(id, 'stdout', 'stdout');
  }
  return 'on stdout';
}

async function printJson(runs: PlacedRuns, terminal: Terminal, id: RunId, summary: RunSummary, delivered: string): Promise<void> {
  const { before, after, restored, fallbacks } = await runs.show(id);
  const patch = summary.patchBlob === undefined ? '' : (await runs.patch(id)).text.toString('utf8');
  await terminal.json({ run: id, ...summary, delivered, patch, tests: { before, after, restored }, fallbacks });
}

/** The closing lines of `fix`, `demo` and `runs resume`. */
function printSummary(terminal: Terminal, state: RunState, id: RunId, summary: RunSummary, delivered: string): void {
  const row = (name: string, value: string): void => terminal.note(`  ${name.padEnd(9)} ${value}`);
  const good = summary.outcome === 'fixed';
  terminal.note('');
  terminal.note(`${summary.outcome}: ${summary.detail}`, good ? 'green' : summary.outcome === 'unverified' ? 'yellow' : 'red');
  if (state.before !== undefined) row('before', `${state.before.passed ? 'green' : 'red'} (${howEnded(state.before)})`);
  if (state.after !== undefined) row('after', `${state.after.passed ? 'green' : 'red'} (${howEnded(state.after)}) in a fresh sandbox`);
  row('files', summary.files.length === 0 ? 'none changed' : summary.files.join(', '));
  row('patch', delivered);
  row('work', `${summary.steps} steps, ${summary.commands} commands, ${summary.denials} denials, ${(summary.wallMs / 1000).toFixed(1)} s`);
  for (const { from, to, code } of state.fallbacks) row('model', `${to} for ${from} (${code})`);
  row('cost', `${summary.tokens} tokens, $${summary.usd.toFixed(4)}`);
  row('run', id);
}

/** By what came of a run. */
export function exitCode(summary: RunSummary): number {
  switch (summary.outcome) {
    case 'fixed':
    case 'unverified':
      return 0;
    case 'limit':
      return 4;
    case 'not_fixed':
    case 'cancelled':
      return 1;
    case 'failed':
      return summary.code === undefined ? 1 : new GloveboxError(summary.code, summary.detail).exitCode;
  }
}
