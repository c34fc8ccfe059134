import type { Command } from 'commander';
import { GloveboxError, parseId, type Stop, type StopScope } from '../contracts/index.ts';
import type { Place, PlacedHalt } from './place.ts';
import type { Run } from './run-action.ts';
import { printable, type Terminal } from './terminal.ts';

interface StopOptions {
  readonly all?: boolean;
  readonly tenant?: string;
  readonly run?: string;
  readonly freeze?: boolean;
  readonly lift?: boolean;
  readonly why?: string;
  readonly json?: boolean;
}

/** `glovebox stop`. */
export function addStop(root: Command, run: Run, terminal: Terminal): void {
  root
    .command('stop')
    .description('the kill switch: nothing begins any more, what runs ends, and what it was lent is revoked; without options, what is stopped')
    .option('--all', 'everything')
    .option('--tenant <name>', 'all of a tenant')
    .option('--run <id>', 'a run, or a session')
    .option('--freeze', 'what runs stands still instead, and goes on when it is lifted')
    .option('--lift', 'let it begin again, and what was frozen go on; without --all, --tenant or --run, whatever is stopped')
    .option('--why <text>', 'for the journal, and for whoever is refused')
    .option('--json', 'as JSON')
    .action((options: StopOptions) => run.anywhere((place, signal) => stop(place, terminal, options, signal)));
}

async function stop({ stops }: Place, terminal: Terminal, options: StopOptions, signal: AbortSignal): Promise<number> {
  const scope = scopeOf(options);
  if (options.lift === true) return lift(stops, terminal, scope, options);
  if (scope === undefined) return show(stops, terminal, options);
  const halted = await stops.stop({ scope, freeze: options.freeze === true, ...(options.why === undefined ? {} : { why: options.why }) }, signal);
  if (halted === undefined) {
    if (options.json === true) await terminal.json({ scope, frozen: true });
    else terminal.note(`${sayScope(scope)} stands still; \`glovebox stop --lift\` lets it go on`, 'yellow');
    return 0;
  }
  const { isDone, ...came } = halted;
  if (options.json === true) await terminal.json({ scope, ...came });
  else await describe(terminal, scope, halted);
  return isDone ? 0 : 5;
}

async function describe(terminal: Terminal, scope: StopScope, { isDone, left, killed = [], revoked = [], failed = [] }: PlacedHalt): Promise<void> {
  terminal.note(`${sayScope(scope)} is stopped; \`glovebox stop --lift\` lifts it`, 'yellow');
  await terminal.data([left === 0 ? 'no sandbox of it is left\n' : `${left} sandboxes of it are left: glovebox gc --all\n`, ...killed.map((name) => `by force: ${name}\n`), ...revoked.map((name) => `revoked ${name}\n`), ...failed.map((why) => `not revoked: ${why}\n`)].join(''));
  if (!isDone && left + failed.length === 0) terminal.note('not everything that was lent could be revoked: whoever runs the server is told what', 'red');
}

async function lift(stops: Place['stops'], terminal: Terminal, scope: StopScope | undefined, { why, json }: StopOptions): Promise<number> {
  const lifted = await stops.lift({ ...(scope === undefined ? {} : { scope }), ...(why === undefined ? {} : { why }) });
  if (json === true) await terminal.json({ lifted });
  else if (lifted.length === 0) terminal.note('nothing of that is stopped');
  else for (const each of lifted) terminal.note(`lifted: ${sayStop(each)}`);
  return 0;
}

async function show(stops: Place['stops'], terminal: Terminal, { json }: StopOptions): Promise<number> {
  const found = await stops.list();
  if (json === true) await terminal.json({ stops: found });
  else if (found.length === 0) terminal.note('nothing is stopped');
  else for (const each of found) await terminal.data(`${sayStop(each)}\n`);
  return 0;
}

function scopeOf({ all, tenant, run }: StopOptions): StopScope | undefined {
  if ([all === true, tenant !== undefined, run !== undefined].filter(Boolean).length > 1) throw new GloveboxError('usage', '--all, --tenant and --run exclude each other: choose one');
  if (all === true) return { what: 'all' };
  if (tenant !== undefined) return { what: 'tenant', tenant };
  if (run === undefined) return undefined;
  const id = parseId('run', run) ?? parseId('ses', run);
  if (id === undefined) throw new GloveboxError('usage', `"${run}" is not the id of a run or session; \`glovebox runs list\` shows runs`);
  return { what: 'run', run: id };
}

function sayScope(scope: StopScope): string {
  return scope.what === 'all' ? 'everything' : scope.what === 'tenant' ? `the tenant ${printable(scope.tenant)}` : scope.run;
}

/** A stop in a line. */
export function sayStop({ scope, freeze, by, why, sinceMs }: Stop): string {
  return `${sayScope(scope)} ${freeze ? 'frozen' : 'stopped'} by ${printable(by)} at ${new Date(sinceMs).toISOString()}${why === undefined ? '' : `: ${printable(why)}`}`;
}
