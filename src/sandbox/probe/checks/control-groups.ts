import { asking, broken, held } from '../check.ts';
import type { Check, Judgement } from '../check.ts';
import { describeEnd, readJudgement } from '../probed-place.ts';
import type { ProbedPlace } from '../probed-place.ts';

const MiB = 2 ** 20;
const SPIN_MS = 1000;
/** One period of the scheduler may be had for free. */
const CPU_SLACK = 1.3;
const CPU_SLACK_HUNDREDTHS = 10;
const MORE_PROCESSES = 64;
/** So many that they would have all of a busy machine. */
const SPINNERS = 8;

export const CONTROL_GROUPS: readonly Check[] = [
  asking('control groups', [42], 'release_agent is not for writing', 'release-agent'),
  asking('control groups', [43], 'control groups are not for writing', 'control-groups'),
  { rows: [44], group: 'control groups', title: 'memory is held', run: memory },
  { rows: [45], group: 'control groups', title: 'CPU is held', run: cpu },
  { rows: [46], group: 'control groups', title: 'the number of processes is held', run: (place) => place.ask('fork-many', [place.limits.pids + MORE_PROCESSES]) },
];

/** A quarter more than there is, and never without an end. */
export function tooMuchMemory(place: ProbedPlace): number {
  return Math.ceil(place.limits.memoryBytes * 1.25) + 16 * MiB;
}

async function memory(place: ProbedPlace): Promise<Judgement> {
  const outcome = await place.run('eat-memory', [tooMuchMemory(place)]);
  const said = readJudgement(outcome);
  if (said !== undefined) return said;
  const killed = outcome.end.cause === 'memory' || outcome.end.signal === 'SIGKILL' || outcome.end.exitCode === 137;
  return killed ? held(`it was ended: ${describeEnd(outcome.end)}`) : broken(`it ended with ${describeEnd(outcome.end)}`);
}

function cpu(place: ProbedPlace): Promise<Judgement> {
  const { cpu: cpus } = place.limits;
  return place.ask('burn-cpu', [Math.ceil(cpus) + SPINNERS, SPIN_MS, Math.round(cpus * 100 * CPU_SLACK + CPU_SLACK_HUNDREDTHS)]);
}
