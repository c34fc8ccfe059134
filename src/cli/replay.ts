import type { Observation, ReplayReport } from '../runs/index.ts';
import { attendanceAt } from './attendance.ts';
import { summarizeInput } from './progress.ts';
import { runId } from './run-id.ts';
import type { Place } from './place.ts';
import { printable, type Terminal } from './terminal.ts';

export interface ReplayOptions {
  readonly liveTools?: boolean;
  readonly stop?: boolean;
  readonly json?: boolean;
}

type Difference = NonNullable<Observation['difference']>;

/** `glovebox runs replay`: 0 where the run comes out as it was, 1 where it does not. */
export async function replayRun(place: Place, terminal: Terminal, id: string, options: ReplayOptions, signal: AbortSignal): Promise<number> {
  const run = runId(id);
  const replays = place.replays(attendanceAt(terminal, place.principal));
  const onObservation = (observation: Observation): void => terminal.note(describeObservation(observation), observation.verdict === 'different' || observation.files.length > 0 ? 'yellow' : 'dim');
  const report = options.liveTools === true ? await replays.live(run, { signal, stop: options.stop === true, onObservation }) : await replays.strict(run, signal);
  if (options.json === true) await terminal.json(report);
  else await terminal.data(describeReport(report));
  return report.identical ? 0 : 1;
}

function describeObservation({ step, tool, input, verdict, difference, files }: Observation): string {
  const lines = [`step ${step}  ${VERDICTS[verdict]}  ${tool}  ${firstLine(summarizeInput(input))}`];
  if (difference !== undefined) lines.push(...describeDifference(difference));
  if (files.length > 0) lines.push(`  other files: ${files.slice(0, 10).join(', ')}${files.length > 10 ? ` and ${files.length - 10} more` : ''}`);
  return lines.join('\n');
}

const VERDICTS: Readonly<Record<Observation['verdict'], string>> = { same: 'same', alike: 'same but for times and the like', different: 'DIFFERENT', not_run: 'not run: there is no such tool here' };

/** The whole report, for a person. */
function describeReport({ run, strict, live, policyChanged, identical }: ReplayReport): string {
  const lines = [`run         ${run}`];
  if ('why' in strict) lines.push(`strict      not done: ${strict.why}`);
  else {
    const { divergence, steps, goes } = strict;
    const work = `${counted(steps, 'step')} in ${counted(goes, 'go', 'goes')}`;
    if (divergence === undefined) lines.push(`strict      identical: ${work}`);
    else {
      lines.push(`strict      DIFFERENT at step ${divergence.step}, event ${divergence.seq}: ${divergence.what}`);
      if (divergence.difference !== undefined) lines.push(...describeDifference(divergence.difference));
    }
  }
  if (live !== undefined) {
    const count = (verdict: Observation['verdict']): number => live.observations.filter((each) => each.verdict === verdict).length;
    const files = live.observations.filter((each) => each.files.length > 0).length;
    lines.push(`live tools  ${live.identical ? 'identical' : 'DIFFERENT'}: ${count('same')} same, ${count('alike')} same but for times and the like, ${count('different')} different, ${count('not_run')} not run; other files after ${files}`);
    lines.push(`session     ${live.session}`);
  }
  if (policyChanged) lines.push('policy      has changed since the run was made');
  lines.push(`replay      ${identical ? 'the run comes out as it was' : 'the run does not come out as it was'}`);
  return `${lines.join('\n')}\n`;
}

function describeDifference({ path, at, recorded, now }: Difference): readonly string[] {
  const place = `  at ${path}${at === undefined ? '' : `, character ${at}`}`;
  return [place, ...marked('-', recorded), ...marked('+', now)];
}

function marked(mark: '-' | '+', text: string | undefined): readonly string[] {
  return printable(text ?? '(nothing)').split('\n').map((line) => `  ${mark} ${line}`);
}

function firstLine(text: string): string {
  const [first = ''] = text.split('\n');
  return first.length > 100 ? `${first.slice(0, 99)}…` : first;
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
