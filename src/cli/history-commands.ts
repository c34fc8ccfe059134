import { type Command, Option } from 'commander';
import type { ExportFormat } from '../runs/index.ts';
import type { ForkOptions } from './fork.ts';
import { deliveryOptions, stepOption } from './options.ts';
import type { ReplayOptions } from './replay.ts';
import type { Run } from './run-action.ts';
import type { Terminal } from './terminal.ts';
import type { ExportOptions, ImportOptions } from './trajectory.ts';

/** What `glovebox runs` does with runs that were. */
export function addHistory(runs: Command, run: Run, terminal: Terminal): void {
  runs
    .command('replay <run>')
    .description('do a run again from its journal, model and tools answering as they did, and tell the first difference')
    .option('--live-tools', 'run its tools again, too, in fresh sandboxes, and compare what they answer and leave behind')
    .option('--stop', 'with --live-tools: stop at the first difference')
    .option('--json', 'the report as JSON')
    .action((id: string, options: ReplayOptions) => run.anywhere(async (place, signal) => (await import('./replay.ts')).replayRun(place, terminal, id, options, signal)));
  deliveryOptions(
    runs
      .command('fork <run>')
      .description('a new run that goes on from a step of this one, with the conversation and the workspace as they then were')
      .requiredOption('--at <step>', 'after this step; 0 is before the first', stepOption)
      .option('--model <model>', 'with another model')
      .option('--policy <name|path>', 'under another policy')
      .option('--prompt <text>', 'say this before it goes on')
      .option('--prompt-file <file>', 'say what is in this file')
      .option('--only-create', 'make the run and print its id; `runs resume` begins it'),
  ).action((id: string, options: ForkOptions) => run.anywhere(async (place, signal) => (await import('./fork.ts')).forkRun(place, terminal, id, options, signal)));
  addFormats(runs, run, terminal);
}

function addFormats(runs: Command, run: Run, terminal: Terminal): void {
  runs
    .command('export <run>')
    .description('a run in the format of others: ATIF 1.7, a SWE-agent trajectory, OTLP/JSON spans; or all of its events')
    .addOption(new Option('--format <format>', 'which').choices(['atif', 'traj', 'otlp', 'json'] satisfies ExportFormat[]).default('atif'))
    .option('-o, --output <file>', 'a new file instead of stdout')
    .action((id: string, options: ExportOptions) => run.anywhere(async (place, signal) => (await import('./trajectory.ts')).exportRun(place, terminal, id, options, signal)));
  runs
    .command('import <file>')
    .description('make a run of an ATIF trajectory, of glovebox or of another tool, to show, replay with live tools or fork')
    .option('--repo <path|url>', 'the repository that it was done in, as it was before (default: an empty folder)')
    .option('--policy <name|path>', 'under which it is replayed', 'code-fix')
    .option('--image <name>', 'in which it is replayed (default: by what is in the repository)')
    .option('--json', 'as JSON')
    .action((file: string, options: ImportOptions) => run(async (services, signal) => (await import('./trajectory.ts')).importRun(services, terminal, file, options, signal)));
}
