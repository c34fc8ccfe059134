// sandbox/probe: what a sandbox must withstand, as checks that run in a real one. Each says held, broken or not applicable, and why.
// `checks/` is the corpus, by group; most of it is one question to a small program (sandbox-images/probe/) that is put into the sandbox's workspace.
// `probed-place.ts` is what a check may use, `probed-sandbox.ts` a real sandbox as such a place; `run-checks.ts` runs them; `scorecard.ts` prints what they found.
// Each check is shown able to fail by test/security/, in a place without the protection that it is about. docs/security.md is the table.
export type { Check } from './check.ts';
export { CHECKS } from './checks/index.ts';
export { ProbedPlace } from './probed-place.ts';
export type { OutsideView, ProbeTarget, WayOutProbed } from './probed-place.ts';
export { ProbedSandbox } from './probed-sandbox.ts';
export { runChecks } from './run-checks.ts';
export type { Finding } from './run-checks.ts';
export { scorecard } from './scorecard.ts';
