import type { AgentEnd } from '../agent/index.ts';
import { GloveboxError, type Patch, type RunSummary, type TestReport, type TreeId } from '../contracts/index.ts';
import type { Session } from '../session/index.ts';
import { describeEnd, didRun } from './describe-tests.ts';
import type { RunState } from './run-state.ts';
import type { RunsPorts } from './runs-ports.ts';
import { Purpose, type TakenBack } from './take-back.ts';
import { pathsToRestore } from './test-files.ts';
import { runTests } from './test-run.ts';

/** What came of a run; what it cost is added from the journal. */
export type Conclusion = Pick<RunSummary, 'outcome' | 'detail' | 'code' | 'patchBlob' | 'files'>;

export interface Work {
  readonly session: Session;
  readonly ports: Pick<RunsPorts, 'workspaces' | 'blobs' | 'principal'>;
  readonly state: RunState;
  readonly taken: TakenBack;
  readonly end: AgentEnd;
  /** What the agent left behind. */
  readonly tree: TreeId;
  /** Why that is not all of it. */
  readonly unsaved: string | undefined;
  /** The session's time is over: there is no sandbox to test in, and nobody is asked any more. */
  readonly isTimeOver: boolean;
}

/** Compares the trees, has the tests judge the difference in a fresh sandbox, and asks whether the patch may leave. */
export async function conclude(work: Work): Promise<Conclusion> {
  const { state, tree, ports, session, isTimeOver } = work;
  const workspace = ports.workspaces.of(ports.principal.tenant);
  const patch = await workspace.diff(state.baseTree, tree);
  const files = patch.files.map(({ path }) => path);
  if (files.length === 0) return { ...verdict(work, undefined, 'nothing was changed'), files };
  const report = isTimeOver ? undefined : await testAfter(work, patch);
  const judged = verdict(work, report, undefined);
  const canaries = session.canariesIn(patch.text.toString('latin1'));
  const found = { ...(await workspace.inspect(state.baseTree, tree, patch)), ...(canaries.length === 0 ? {} : { canaries }) };
  const isClean = found.secrets.length + found.binaries.length + found.links.length + canaries.length === 0;
  try {
    await session.allowExport({ paths: files, bytes: patch.text.length, ...(isClean ? {} : { found }) }, tree);
  } catch (error) {
    if (!(error instanceof GloveboxError) || (error.code !== 'denied' && !isTimeOver)) throw error;
    return { outcome: 'failed', code: 'denied', detail: `${judged.detail}; the patch was not let out: ${error.message}`, files };
  }
  return { ...judged, patchBlob: await ports.blobs.of(ports.principal.tenant).put(patch.text), files };
}

/** Undefined where there are no tests. A report that the journal has already is not made again. */
async function testAfter({ session, ports, state, tree, taken }: Work, patch: Patch): Promise<TestReport | undefined> {
  const command = state.options?.testCommand;
  if (command === undefined || state.after !== undefined) return state.after;
  const workspace = ports.workspaces.of(ports.principal.tenant);
  const restored = await pathsToRestore(workspace, state.baseTree, tree, patch, session.signal);
  const judged = restored.length === 0 ? tree : await workspace.restore(state.baseTree, tree, restored, session.signal);
  const record = (report: TestReport): Promise<void> => session.record([{ type: 'run.tested', data: { when: 'after', report, restored } }]);
  return runTests(session, workspace, { tree: judged, command, purpose: Purpose.after, taken: taken.get(Purpose.after), record });
}

/** What came of it with what it took, by the journal. */
export function summarize({ spent, commands, denials, activeMs }: RunState, conclusion: Conclusion): RunSummary {
  return { ...conclusion, steps: spent.steps, commands, denials, tokens: spent.tokens, usd: spent.usd, wallMs: activeMs };
}

/** Of a run that somebody did not want any more. */
export function cancelledBy({ by, why }: { by: string; why?: string }): Conclusion {
  return { outcome: 'cancelled', code: 'cancelled', detail: `cancelled by ${by}${why === undefined ? '' : `: ${why}`}`, files: [] };
}

function verdict(work: Work, report: TestReport | undefined, nothing: string | undefined): Pick<Conclusion, 'outcome' | 'detail' | 'code'> {
  const parts = [endText(work.end), nothing ?? testText(work.state, report), ...(work.unsaved === undefined ? [] : [`the last changes are missing: ${work.unsaved}`])];
  const detail = parts.join('; ');
  if (work.end.how === 'limit') return { outcome: 'limit', code: 'budget_exhausted', detail };
  if (nothing !== undefined) return { outcome: 'not_fixed', detail };
  if (report === undefined || !didRun(report)) return { outcome: 'unverified', detail };
  return { outcome: report.passed ? 'fixed' : 'not_fixed', detail };
}

function endText(end: AgentEnd): string {
  switch (end.how) {
    case 'submitted':
      return 'the agent submitted';
    case 'gave_up':
      return `not submitted: ${end.why}`;
    case 'limit':
      return `stopped at a limit: ${end.why}`;
  }
}

function testText({ options, before }: RunState, report: TestReport | undefined): string {
  if (report === undefined) return options?.testCommand === undefined ? 'there are no tests to verify it with' : 'its tests were not run';
  const already = report.passed && before?.passed === true ? ' (as they did before: they show that nothing broke, not that the task is done)' : '';
  return `tests in a fresh sandbox: ${describeEnd(report)}${already}`;
}
