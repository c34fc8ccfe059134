import { describeError } from '../../contracts/index.ts';
import { deadlineSignal, raceSignal } from '../deadline.ts';
import { broken } from './check.ts';
import type { Check, Judgement } from './check.ts';
import type { ProbedPlace } from './probed-place.ts';

export interface Finding extends Judgement {
  readonly check: Check;
  readonly tookMs: number;
}

/** No check takes longer where nothing is wrong. */
const DEADLINE_MS = 60_000;

/** Runs checks one after the other: some measure, and all of them share the place. Never rejects for what the place does. */
export async function runChecks(place: ProbedPlace, checks: readonly Check[], options: { readonly onFinding?: (finding: Finding) => void; readonly signal?: AbortSignal } = {}): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of checks) {
    options.signal?.throwIfAborted();
    const started = performance.now();
    const judgement = await judge(check, place, options.signal);
    const finding = { check, ...judgement, tookMs: Math.round(performance.now() - started) };
    findings.push(finding);
    options.onFinding?.(finding);
  }
  return findings;
}

async function judge(check: Check, place: ProbedPlace, signal?: AbortSignal): Promise<Judgement> {
  try {
    return await raceSignal(check.run(place), deadlineSignal(DEADLINE_MS, signal));
  } catch (error) {
    signal?.throwIfAborted();
    return broken(`it could not be judged: ${describeError(error)}`);
  }
}
