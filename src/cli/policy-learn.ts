import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { describeError, type Effect, GloveboxError, type PolicyFile } from '../contracts/index.ts';
import { backtest, Learner, type LearnedPolicy, learnedPolicy, learnedTests, type Recorded, recordedDecisions } from '../policy/index.ts';
import { sayReason } from './say-policy.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

export interface LearnPolicyOptions {
  readonly runs?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly name: string;
  readonly extends: string;
  readonly output?: string;
  readonly generalize?: readonly ('hosts' | 'paths')[];
  readonly args?: number;
  readonly refused?: boolean;
  readonly json?: boolean;
}

/** `glovebox policy learn`: the least policy for what was recorded, on stdout or in a new file; what it leaves out, and what it answers to the same questions, on stderr. */
export async function learnPolicy(services: Services, terminal: Terminal, options: LearnPolicyOptions): Promise<number> {
  if ((options.runs === undefined) === (options.since === undefined)) throw new GloveboxError('usage', 'expected --runs <id>… or --since <time>: what to learn from');
  const base = await services.policies.load(options.extends);
  const { generalize = [] } = options;
  const learner = new Learner(base, { generalize: { hosts: generalize.includes('hosts'), paths: generalize.includes('paths') }, args: options.args ?? 0, refused: options.refused === true });
  const streams = new Set<string>();
  for await (const one of recorded(services, options)) {
    streams.add(one.event.stream);
    learner.add(one);
  }
  const missing = (options.runs ?? []).filter((run) => !streams.has(run));
  if (missing.length > 0) throw new GloveboxError('not_found', `the journal has no decisions of ${missing.join(', ')}; \`glovebox runs list\` shows the runs that there are`);
  const learned = learnedPolicy(learner, { name: options.name, parent: parentOf(options.extends) });
  const policy = await services.policies.compile(learned.text, resolve(options.output ?? `${options.name}/policy.yaml`));
  if (options.output !== undefined) {
    await writeNew(options.output, learned.text);
    await writeTests(join(dirname(options.output), 'tests.yaml'), learnedTests(policy, learner.examples), terminal);
  }
  const again = await askAgain(policy, recorded(services, options));
  await tell(terminal, { learner, learned, again, runs: streams.size }, options);
  return 0;
}

function recorded(services: Services, { runs, since }: LearnPolicyOptions): AsyncIterable<Recorded> {
  return recordedDecisions(services.journal, { streams: runs === undefined ? undefined : [...new Set(runs)], fromMs: since });
}

/** A name is looked up anywhere; a path is from here, not from where the new file will be. */
function parentOf(nameOrPath: string): string {
  return /[./]/.test(nameOrPath) ? resolve(nameOrPath) : nameOrPath;
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    // Somebody may have worked on it since.
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new GloveboxError('usage', exists ? `--output ${file}: there is such a file already: name another, or remove it` : `--output ${file}: cannot be written: ${describeError(error)}`, { cause: error });
  }
}

/** Those of a policy that stood there before are the author's. */
async function writeTests(file: string, text: string, terminal: Terminal): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    terminal.note(`no tests were written: ${describeError(error)}`, 'yellow');
  }
}

/** What the policy answers to the very questions that it was learned from. */
async function askAgain(policy: PolicyFile, decisions: AsyncIterable<Recorded>): Promise<Readonly<Record<Effect, number>>> {
  const answers = { allow: 0, ask: 0, deny: 0 };
  for await (const { now } of backtest(policy, decisions)) answers[now.effect] += 1;
  return answers;
}

interface Outcome {
  readonly learner: Learner;
  readonly learned: LearnedPolicy;
  readonly again: Readonly<Record<Effect, number>>;
  readonly runs: number;
}

async function tell(terminal: Terminal, { learner, learned: { text, rules }, again, runs }: Outcome, { name, output, json }: LearnPolicyOptions): Promise<void> {
  const { taken, left, unlearned } = learner;
  if (json === true) {
    await terminal.json({ policy: name, ...(output === undefined ? {} : { file: output }), text, rules, taken, left, unlearned: unlearned.map(({ value, evidence }) => ({ ...value, evidence })), again });
    return;
  }
  if (output === undefined) await terminal.data(text);
  for (const { value, evidence } of unlearned) terminal.note(`left out   ${value.request}\n           ${value.why}: ${sayReason(value.reason)}; ${evidence.say()}`, 'yellow');
  terminal.note(`learned    ${rules.length} rules from ${taken} decisions of ${runs === 1 ? 'one run' : `${runs} runs`}; ${left} decisions left out${output === undefined ? '' : `; written to ${output}`}`);
  terminal.note(`asked again, it allows ${again.allow}, asks about ${again.ask} and denies ${again.deny}`, again.deny > left ? 'red' : 'green');
}
