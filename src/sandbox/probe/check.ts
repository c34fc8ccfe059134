import type { ProbedPlace } from './probed-place.ts';

/** `broken` stands as well for what could not be judged: a seal that cannot be shown to hold is none. */
export type Verdict = 'held' | 'broken' | 'not applicable';

export interface Judgement {
  readonly verdict: Verdict;
  /** What was tried and what came of it, on one line. */
  readonly evidence: string;
}

export type Group = 'kernel' | 'files' | 'capabilities' | 'engine' | 'proc' | 'control groups' | 'network' | 'secrets' | 'abuse' | 'wire';

/** One thing that a sandbox must withstand. */
export interface Check {
  /** Rows of docs/security.md. */
  readonly rows: readonly [number, ...number[]];
  readonly group: Group;
  /** What holds, as a sentence without its end. */
  readonly title: string;
  /** It is about a way out, and says nothing where there is none. */
  readonly needsWayOut?: true;
  run(place: ProbedPlace): Promise<Judgement>;
}

/** A check that is one question to the probe program. */
export function asking(group: Group, rows: Check['rows'], title: string, probe: string, ...operands: readonly string[]): Check {
  return { rows, group, title, run: (place) => place.ask(probe, operands) };
}

export const held = (evidence: string): Judgement => ({ verdict: 'held', evidence });
export const broken = (evidence: string): Judgement => ({ verdict: 'broken', evidence });
export const notApplicable = (evidence: string): Judgement => ({ verdict: 'not applicable', evidence });

/** What several tries come to: the first that is broken, else all that held. */
export function together(judgements: readonly Judgement[]): Judgement {
  const worst = judgements.find(({ verdict }) => verdict === 'broken');
  if (worst !== undefined) return worst;
  const counted = judgements.filter(({ verdict }) => verdict === 'held');
  if (counted.length === 0) return notApplicable(judgements.map(({ evidence }) => evidence).join('; '));
  return held([...new Set(counted.map(({ evidence }) => evidence))].join('; '));
}
