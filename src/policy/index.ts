// policy: from documents that people write to one function, `decide`, that answers every question of a session.
// Each file is a layer; what it extends are the layers above it, and a request passes only where every layer that speaks lets it.
// `document/` reads and checks YAML and Cedar, `rules/` has one class for each kind of request: its rules as Cedar policies, and its facts;
// `cedar/` asks Cedar, which decides; `shell/` finds the programs in a command.
// Deny wins over ask, ask over allow; every answer names its rule, file and line, and what lost. Pure: no clock, no disk.
// `question.ts` is how a person writes a request; with it `policy-tests.ts`, `explanation.ts` and `lint.ts` let a policy be tried before it is trusted.
// What rules on commands can and cannot promise, and how layers narrow one another, is in docs/policy.md.
export { type Backtest, backtest, backtestOn, type Flip } from './backtest.ts';
export { readBudgets } from './budgets/budgets-file.ts';
export { FilePolicies } from './file-policies.ts';
export { LivePolicies, type PolicyReload } from './live-policies.ts';
export { compare, diffPolicies, type PolicyDiff } from './diff.ts';
export { answer, type Answered, explain } from './explanation.ts';
export { Learner, type LearnOptions, type LearnedPolicy, learnedPolicy, learnedTests } from './learn/index.ts';
export { readNotifications } from './notifications/notifications-file.ts';
export { type Recorded, recordedDecisions } from './recorded.ts';
export { readTests, testPolicy } from './policy-tests.ts';
export { asker, QUESTION_KEYS, questionFields, type Question, type QuestionKey, questionForms, questionVariables, requestOf, sayRequest } from './question.ts';
export { readAuthority } from './roles/roles-file.ts';
