// policy/learn: from recorded decisions to the least policy that would have let them pass.
// `Learner` collects what requests were about, each thing once and with its evidence; `learnedPolicy` writes it down as YAML.
// What is learned is as narrow as rules can say it: exact paths, hosts with methods and paths, programs. It gets wider only where it is told to.
// Nothing is learned that the policy which is extended denies: that is told instead.
// Each rule is needed: without it something that was seen would not pass. The property tests hold it to that.
export { learnedPolicy, type LearnedPolicy } from './learned-policy.ts';
export { learnedTests } from './learned-tests.ts';
export { type LearnOptions, Learner } from './learner.ts';
