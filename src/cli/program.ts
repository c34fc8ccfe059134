import { Argument, Command, Option } from 'commander';
import { GloveboxError, type SandboxKind } from '../contracts/index.ts';
import { answerApproval, type AnswerOptions, listApprovals } from './approvals.ts';
import { addAudit } from './audit-commands.ts';
import { addBudgets } from './budgets-commands.ts';
import { addCompletion } from './completion.ts';
import { demo, type DemoOptions } from './demo.ts';
import { doctor } from './doctor.ts';
import { type CliOptions, Doing, report, serverOption } from './doing.ts';
import { exec, type ExecOptions } from './exec.ts';
import { fix, type FixOptions } from './fix.ts';
import { gc } from './gc.ts';
import { addHistory } from './history-commands.ts';
import { buildImages, listImages, removeImages } from './images.ts';
import { js, type JsOptions } from './js.ts';
import { addKeys } from './keys-commands.ts';
import { addMcp } from './mcp.ts';
import { addNotify } from './notify-commands.ts';
import type { SandboxOptions } from './one-sandbox.ts';
import { countOption, deliveryOptions, durationOption, positiveOption, variableOption } from './options.ts';
import { addPolicy } from './policy-commands.ts';
import { addSteering, addWorker, queueOptions } from './queue-commands.ts';
import { probe, type ProbeOptions } from './probe.ts';
import type { Run } from './run-action.ts';
import { addServe } from './serve.ts';
import { listRuns, resumeRun, showRun } from './runs.ts';
import { addSecrets } from './secrets-commands.ts';
import { shell, shellOfRun } from './shell.ts';
import { addStop } from './stop-commands.ts';
import { addTenants } from './tenants-commands.ts';
import { addUsage } from './usage-commands.ts';
import type { Terminal } from './terminal.ts';
import type { Delivery } from './work-on-run.ts';

const IMAGE_OPTION = 'base, node, python, data, polyglot, any image, ./Dockerfile, or a devcontainer.json';
const KINDS: readonly SandboxKind[] = ['gvisor', 'container', 'process'];

/** Reads the arguments, does what they say, and gives the process's exit code. Never throws. */
export async function runCli(argv: readonly string[], terminal: Terminal, { version, env, openServices }: CliOptions): Promise<number> {
  const stop = new AbortController();
  const doing = new Doing({ terminal, version, env, openServices, signal: stop.signal });
  const unlisten = onInterrupt(stop, terminal);
  try {
    await program(doing.run, terminal, version)
      .hook('preAction', (_root, command) => doing.begin(command))
      .parseAsync(argv, { from: 'user' });
    return doing.code;
  } catch (error) {
    return await report(error, terminal);
  } finally {
    unlisten();
  }
}

/** The whole tree of commands. */
export function program(run: Run, terminal: Terminal, version: string): Command {
  const root = new Command('glovebox')
    .description('Runs code that nobody has read yet, in sealed sandboxes.')
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(glovebox --help says more)')
    .configureOutput({ writeOut: (text) => terminal.stdout.write(text), writeErr: (text) => terminal.stderr.write(text) });
  addFix(root, run, terminal);
  addExec(root, run, terminal);
  addJs(root, run, terminal);
  addRuns(root, run, terminal);
  addWorker(root, run, terminal);
  addApprovals(root, run, terminal);
  addPolicy(root, run, terminal);
  addBudgets(root, run, terminal);
  addUsage(root, run, terminal);
  addStop(root, run, terminal);
  addSecrets(root, run, terminal);
  addAudit(root, run, terminal);
  addTenants(root, run, terminal);
  addMachine(root, run, terminal);
  addServe(root, run, terminal);
  addNotify(root, run, terminal);
  addKeys(root, run, terminal);
  addMcp(root, run, KINDS);
  addCompletion(root, run, terminal);
  return everywhere(root);
}

function addFix(root: Command, run: Run, terminal: Terminal): void {
  deliveryOptions(queueOptions(taskOptions(root.command('fix').description('let an agent change a repository until its tests pass; the patch goes to stdout'))))
    .option('--detach', 'leave it to a worker: its id goes to stdout')
    .action((options: FixOptions) => run.anywhere((place, signal) => fix(place, terminal, options, signal)));
  root
    .command('demo')
    .description('fix small repositories that ship with glovebox; without a model by a transcript')
    .addArgument(new Argument('[language]', 'only this one').choices(['javascript', 'python']))
    .option('--model <model>', 'a live model')
    .option('--policy <name|path>', 'another policy')
    .option('--json', 'what came of each as a line of JSON on stdout')
    .action((language: DemoOptions['language'], options: DemoOptions) =>
      run((services, signal) => demo(services, terminal, language === undefined ? options : { ...options, language }, signal)),
    );
}

/** What a run is asked for. */
function taskOptions(command: Command): Command {
  return command
    .requiredOption('--task <text|@file>', 'what to do')
    .option('--repo <path|url>', 'the repository', '.')
    .option('--model <model>', 'anthropic:<model>, openai:<model>, openai-chat:<model> or transcript:<file>')
    .option('--fallback <models...>', 'asked in this order where the model cannot be had')
    .option('--policy <name|path>', 'what the session may do', 'code-fix')
    .option('--image <name|path>', `${IMAGE_OPTION} (default: by what is in the repository)`)
    .option('--test <command>', 'how to test (default: by what is in the repository)')
    .option('--max-usd <usd>', 'stop before more is spent', positiveOption)
    .option('--max-steps <n>', 'stop before more steps', countOption)
    .option('--timeout <duration>', 'stop after so long: 90s, 10m', durationOption)
    .option('--keep-ignored', 'keep files that git ignores, too, for a sandbox that has to be replaced');
}

function addExec(root: Command, run: Run, terminal: Terminal): void {
  sandboxOptions(
    root
      .command('exec')
      .description('run one command in a sandbox of its own; its exit code is ours (124 limit, 125 infrastructure, 126 denied)')
      .usage('[options] -- <command> [args…]')
      .argument('<command...>'),
    'exec',
  )
    .option('-i, --interactive', 'pass stdin on')
    .option('--json', 'how it ended, as JSON on stdout; its own output goes to stderr')
    .action((argv: [string, ...string[]], options: ExecOptions) => run.anywhere((place, signal) => exec(place, terminal, argv, options, signal)));
  sandboxOptions(
    root
      .command('shell')
      .description('a terminal in a sandbox of its own; what runs in it draws on yours')
      .usage('[options] [-- <command> [args…]]')
      .argument('[command...]', 'instead of the shell of the image'),
    'shell',
  )
    .option('--run <run>', 'in the files of a run, whose agent stands still meanwhile and is told what was changed')
    .action((argv: string[], { run: id, ...options }: SandboxOptions & { run?: string }) =>
      id === undefined ? run.anywhere((place, signal) => shell(place, terminal, argv, options, signal)) : run((services, signal) => shellOfRun(services, terminal, id, argv, signal)),
    );
}

function addJs(root: Command, run: Run, terminal: Terminal): void {
  root
    .command('js')
    .description('run JavaScript or TypeScript in an isolate; its result goes to stdout as JSON, its console to stderr')
    .argument('[file]', 'a module whose default export is the result, or gives it when it is a function')
    .option('-e, --eval <code>', 'instead of a file')
    .option('--typescript', 'take the types out (by itself for .ts and .mts)')
    .option('--script', 'a script, whose last value is the result')
    .option('--args <json>', 'its arguments, as a JSON list')
    .option('--policy <name|path>', 'what the program may do', 'js')
    .option('--workspace <dir>', 'copy this folder into a sandbox, and give the program `files` of it; the folder itself is never written')
    .option('--timeout <duration>', 'end it after so long', durationOption)
    .option('--json', 'how it ended, with result and console, as JSON on stdout')
    .action((file: string | undefined, options: JsOptions) => run.anywhere((place, signal) => js(place, terminal, file, options, signal)));
}

function sandboxOptions(command: Command, policy: string): Command {
  return command
    .passThroughOptions()
    .option('--image <name|path>', IMAGE_OPTION)
    .option('--policy <name|path>', 'what the command may do', policy)
    .addOption(new Option('--kind <kind>', 'the kind of sandbox').choices([...KINDS]))
    .option('--workspace <dir>', 'copy this folder into the workspace first; the folder itself is never written')
    .option('--timeout <duration>', 'end it after so long', durationOption)
    .option('--var <name=value>', 'what {name} in paths of the policy stands for', variableOption)
    .option('-e, --env <NAME=value...>', 'environment of the command');
}

function addRuns(root: Command, run: Run, terminal: Terminal): void {
  const runs = root.command('runs').description('what was run');
  runs
    .command('list')
    .description('runs, newest first')
    .option('--limit <n>', 'at most so many', countOption)
    .option('--json', 'as JSON')
    .action((options: { limit?: number; json?: boolean }) => run.anywhere((place) => listRuns(place, terminal, options)));
  runs
    .command('show <run>')
    .description('what happened in a run')
    .option('--patch', 'its patch, and nothing else')
    .option('--json', 'as JSON, with every event')
    .action((id: string, options: { json?: boolean; patch?: boolean }) => run.anywhere((place) => showRun(place, terminal, id, options)));
  addSteering(runs, run, terminal, taskOptions);
  deliveryOptions(runs.command('resume <run>').description('go on with a run that was interrupted or paused')).action((id: string, options: Delivery) =>
    run.anywhere((place, signal) => resumeRun(place, terminal, id, options, signal)),
  );
  addHistory(runs, run, terminal);
}

function addApprovals(root: Command, run: Run, terminal: Terminal): void {
  root
    .command('approvals [approval]')
    .description('what waits for a person, or all of one')
    .option('--all', 'what was answered, too')
    .option('--json', 'as JSON, in full')
    .action((id: string | undefined, options: { all?: boolean; json?: boolean }) => run.anywhere((place) => listApprovals(place, terminal, id, options)));
  answerOptions(root.command('approve <approval>').description('say yes to what is asked, and let it go on'))
    .addOption(new Option('--for <time>', 'this one time, or as often as this session asks for exactly this').choices(['once', 'session']).default('once'))
    .option('--happened', 'of an effect of which nobody knew whether it was done: it was, and need not be done again')
    .action((id: string, { for: answer, happened, ...options }: { for: 'once' | 'session'; happened?: boolean } & AnswerOptions) => run.anywhere((place) => answerApproval(place, terminal, id, happened === true ? 'happened' : answer, options)));
  answerOptions(root.command('deny <approval>').description('say no to what is asked, for as long as this session lasts')).action((id: string, options: AnswerOptions) =>
    run.anywhere((place) => answerApproval(place, terminal, id, 'never', options)),
  );
}

function answerOptions(command: Command): Command {
  return command
    .option('--why <text>', 'for the journal, and for whoever asked')
    .option('--request <hash>', 'only where this is what is asked (`requestHash` of `approvals --json`)')
    .option('--json', 'the approval as JSON');
}

function addMachine(root: Command, run: Run, terminal: Terminal): void {
  root
    .command('doctor')
    .description('what is there, what is missing, and how to get it')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run((services, signal) => doctor(services, terminal, options, signal)));
  root
    .command('probe')
    .description('let everything that sandboxes must withstand loose in one that a policy gives, and print what held')
    .option('--policy <name|path>', 'whose sandbox', 'exec')
    .option('--image <name|path>', IMAGE_OPTION)
    .addOption(new Option('--kind <kind>', 'the kind of sandbox').choices([...KINDS]))
    .option('--json', 'as JSON')
    .action((options: ProbeOptions) => run((services, signal) => probe(services, terminal, options, signal)));
  root
    .command('gc')
    .description('remove at once what crashed processes of ours left behind')
    .option('--all', 'what living processes hold, too')
    .option('--json', 'as JSON')
    .action((options: { all?: boolean; json?: boolean }) => run((services, signal) => gc(services, terminal, options, signal)));
  const images = root.command('images').description('what sandboxes start from');
  images
    .command('list')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run((services, signal) => listImages(services, terminal, options, signal)));
  images
    .command('build [names-or-paths...]')
    .description('build or pull what is missing (all of ours where nothing is named); a Dockerfile is built again')
    .option('--json', 'as JSON')
    .action((names: string[], options: { json?: boolean }) => run((services, signal) => buildImages(services, terminal, names, options, signal)));
  images
    .command('remove <references...>')
    .description('remove images that were built from your Dockerfiles')
    .option('--json', 'as JSON')
    .action((references: string[], options: { json?: boolean }) => run((services) => removeImages(services, terminal, references, options)));
}

/** commander would end the process itself, before anything could be released. And each can be told of a server, as the root can. */
function everywhere(command: Command): Command {
  command.exitOverride().addOption(serverOption().hideHelp(command.parent !== null));
  for (const child of command.commands) everywhere(child);
  return command;
}

function onInterrupt(stop: AbortController, terminal: Terminal): () => void {
  const interrupt = (): void => {
    // Whoever insists is not kept waiting: sandboxes end themselves when they hear nothing of us.
    if (stop.signal.aborted) process.exit(130);
    terminal.note('\nstopping … (once more to stop at once)', 'yellow');
    stop.abort(new GloveboxError('cancelled', 'interrupted'));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  return () => process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
}
