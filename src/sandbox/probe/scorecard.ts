import type { Verdict } from './check.ts';
import type { Finding } from './run-checks.ts';

const EVIDENCE_LENGTH = 160;

/** Findings as a table for people: one line a check, the broken ones' evidence whole, and a last line that counts. */
export function scorecard(findings: readonly Finding[]): string {
  const titles = Math.max(0, ...findings.map(({ check }) => check.title.length));
  const lines = findings.map(({ check, verdict, evidence }) => {
    const said = verdict === 'broken' ? evidence : shorten(evidence);
    return `${check.rows.join(',').padStart(8)}  ${verdict.padEnd(14)}  ${check.title.padEnd(titles)}  ${printable(said)}`;
  });
  return [...lines, summary(findings)].join('\n');
}

function summary(findings: readonly Finding[]): string {
  const count = (verdict: Verdict): number => findings.filter((finding) => finding.verdict === verdict).length;
  return `${count('held')} held, ${count('broken')} broken, ${count('not applicable')} not applicable`;
}

function shorten(text: string): string {
  return text.length <= EVIDENCE_LENGTH ? text : `${text.slice(0, EVIDENCE_LENGTH - 1)}…`;
}

/** Evidence comes from a place that nobody trusts, and goes to a terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}
