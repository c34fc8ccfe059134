import type { PolicyFinding } from '../contracts/index.ts';

const RULES = [
  { id: 'ineffective-rule', shortDescription: { text: 'A rule that decides nothing, or that is got round' } },
  { id: 'reach-of-rule', shortDescription: { text: 'A rule that does not bind commands' } },
  { id: 'observes', shortDescription: { text: 'A policy that enforces nothing' } },
];

/** Findings as SARIF 2.1.0, which code hosts show beside the lines. */
export function sarif(findings: readonly PolicyFinding[], version: string): unknown {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'glovebox policy lint', version, rules: RULES } },
        results: findings.map(({ rule, file, line, text, isNote }) => ({
          ruleId: isNote !== true ? 'ineffective-rule' : rule === 'mode' ? 'observes' : 'reach-of-rule',
          level: isNote === true ? 'note' : 'warning',
          message: { text: `${rule}: ${text}` },
          locations: [{ physicalLocation: { artifactLocation: { uri: file }, region: { startLine: line } } }],
        })),
      },
    ],
  };
}
