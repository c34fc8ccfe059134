import type { Command } from 'commander';
import type { FixOptions } from './fix.ts';
import { countOption, durationOption, futureOption, integerOption, sizeOption } from './options.ts';
import type { Run } from './run-action.ts';
import type { SteerOptions } from './steer.ts';
import { watchOptions } from './telemetry-options.ts';
import type { Terminal } from './terminal.ts';
import { GRACE_MS, PARK_AFTER_MS, type WorkerCommandOptions } from './worker.ts';

const steer = () => import('./steer.ts');

/** Options of a run that waits for a worker. */
export function queueOptions(command: Command): Command {
  return command
    .option('--priority <n>', 'in the queue, higher goes first (default: 0)', integerOption)
    .option('--not-before <time>', 'begin it in so long (10m), or at a date', futureOption)
    .option('--deadline <time>', 'stop after so long from now, or at a date, whatever it waits for', futureOption)
    .option('--key <key>', 'asking again with the same key and the same options gives the same run');
}

/** `glovebox worker`. */
export function addWorker(root: Command, run: Run, terminal: Terminal): void {
  watchOptions(root.command('worker'))
    .description('take runs that wait, and work at them; SIGTERM lets steps finish, hands runs over, and ends')
    .option('--concurrency <n>', 'runs at a time', countOption, 1)
    .option('--name <name>', 'what stands in the journal for it (default: host and process)')
    .option('--park-after <duration>', 'how long a run may hold its sandbox while it waits for a person', durationOption, PARK_AFTER_MS)
    .option('--grace <duration>', 'how long steps may take when it is to stop', durationOption, GRACE_MS)
    .option('--memory <size>', 'what the memory limits of all sandboxes here may be together (default: four fifths of this machine’s)', sizeOption)
    .option('--drain', 'end when there is nothing to begin any more')
    .action((options: WorkerCommandOptions) => run(async (services, signal) => (await import('./worker.ts')).work(services, terminal, options, signal)));
}

/** What of `glovebox runs …` is about runs that others work at. `task` adds what a run is asked for. */
export function addSteering(runs: Command, run: Run, terminal: Terminal, task: (command: Command) => Command): void {
  queueOptions(task(runs.command('create').description('a run that waits for a worker; its id goes to stdout (`fix --detach`)')))
    .option('--json', 'one JSON object on stdout')
    .action((options: FixOptions) => run.anywhere(async (place, signal) => (await import('./fix.ts')).fix(place, terminal, { ...options, detach: true }, signal)));
  runs
    .command('watch <run>')
    .description('what happened in a run and what happens, to its end; its exit code is that of fix')
    .option('--json', 'each event as a line of JSON on stdout')
    .action((id: string, options: SteerOptions) => run.anywhere(async (place, signal) => (await steer()).watchRun(place, terminal, id, options, signal)));
  runs
    .command('say <run> <text|@file>')
    .description('tell the agent something before its next step')
    .option('--interrupt', 'cut short what goes on now')
    .option('--json', 'as JSON')
    .action((id: string, text: string, options: SteerOptions & { interrupt?: boolean }) => run.anywhere(async (place) => (await steer()).sayToRun(place, terminal, id, text, options)));
  runs
    .command('pause <run>')
    .description('let it stand still after its present step; `runs resume` lets it go on')
    .option('--json', 'as JSON')
    .action((id: string, options: SteerOptions) => run.anywhere(async (place) => (await steer()).pauseRun(place, terminal, id, options)));
  runs
    .command('cancel <run>')
    .description('end it, whoever works at it and wherever')
    .option('--why <text>', 'for the journal')
    .option('--json', 'as JSON')
    .action((id: string, options: SteerOptions & { why?: string }) => run.anywhere(async (place) => (await steer()).cancelRun(place, terminal, id, options)));
}
