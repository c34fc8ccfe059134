import { type Command, Option } from 'commander';
import { countOption, momentOption, variableOption } from './options.ts';
import type { LearnPolicyOptions } from './policy-learn.ts';
import type { ExplainOptions } from './policy.ts';
import type { Run } from './run-action.ts';
import type { Terminal } from './terminal.ts';

const SINCE_OPTION = 'only what was asked so long ago or later (12h, 7d), or since a date';

/** What deals with policies is more to load than all the rest together, and needed by these commands alone. */
const policies = () => import('./policy.ts');

/** `glovebox policy …`. */
export function addPolicy(root: Command, run: Run, terminal: Terminal): void {
  const policy = root.command('policy').description('what sessions may do, asked before anybody does it');
  policy
    .command('show <policy>')
    .description('what it lends, and every rule that can speak')
    .option('--json', 'as JSON')
    .option('--cedar', 'what it compiles to: the Cedar policies that decide')
    .action((name: string, options: { json?: boolean; cedar?: boolean }) => run.anywhere(async (place) => (await policies()).showPolicy(place, terminal, name, options)));
  policy
    .command('explain <policy> <question...>')
    .description('its answer to a question, and why: exec git push, write /workspace/a, connect GET https://host/path, connect GET npm:/package, tool shell, export a b')
    .option('--tenant <name>', 'whose session asks')
    .option('--user <name>', 'who asks: user:ann')
    .option('--role <names...>', 'with these roles')
    .option('--var <name=value>', 'what {name} in paths stands for', variableOption)
    .option('--json', 'as JSON')
    .passThroughOptions()
    .action((name: string, words: [string, ...string[]], options: ExplainOptions) => run.anywhere(async (place) => (await policies()).explainDecision(place, terminal, name, words, options)));
  policy
    .command('test [policies...]')
    .description('asks the questions of the tests.yaml beside each; all policies where none is named')
    .option('--json', 'as JSON')
    .action((names: string[], options: { json?: boolean }) => run.anywhere(async (place) => (await policies()).testPolicies(place, terminal, names, options)));
  policy
    .command('lint [policies...]')
    .description('rules that can never decide anything; all policies where none is named')
    .option('--json', 'as JSON')
    .option('--sarif', 'as SARIF 2.1.0')
    .action((names: string[], options: { json?: boolean; sarif?: boolean }) => run.anywhere(async (place) => (await policies()).lintPolicies(place, terminal, names, options)));
  policy
    .command('diff <old> <new>')
    .description('what the one permits and forbids that the other does not, by every rule and test of both')
    .option('--json', 'as JSON')
    .action((old: string, young: string, options: { json?: boolean }) => run.anywhere(async (place) => (await policies()).comparePolicies(place, terminal, old, young, options)));
  addPast(policy, run, terminal);
}

/** What the journal has to say of policies. */
function addPast(policy: Command, run: Run, terminal: Terminal): void {
  policy
    .command('backtest <policy>')
    .description('asks it every question that was ever recorded, and tells which answers would be others')
    .option('--since <time>', SINCE_OPTION, momentOption)
    .option('--json', 'as JSON')
    .action((name: string, options: { since?: number; json?: boolean }) => run.anywhere(async (place) => (await policies()).backtestPolicy(place, terminal, name, options)));
  policy
    .command('learn')
    .description('writes the least policy that would have let pass what is recorded, each rule with what it rests on')
    .option('--runs <ids...>', 'learn from these runs, or sessions')
    .option('--since <time>', SINCE_OPTION, momentOption)
    .option('--name <name>', 'what to call the policy', 'learned')
    .option('--extends <name|path>', 'the policy that it narrows, and that stays as it is', 'base')
    .option('-o, --output <file>', 'a new file, policies/<name>/policy.yaml, instead of stdout')
    .addOption(new Option('--generalize <what...>', 'allow folders instead of single paths, domains instead of the hosts that share one').choices(['paths', 'hosts']))
    .option('--args <n>', 'allow programs only with their first n arguments', countOption)
    .option('--refused', 'allow what was refused then, too')
    .option('--json', 'as JSON')
    .action((options: LearnPolicyOptions) => run(async (services) => (await import('./policy-learn.ts')).learnPolicy(services, terminal, options)));
}
