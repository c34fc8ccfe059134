import { GloveboxError } from '../contracts/index.ts';
import { attendanceAt } from './attendance.ts';
import { commandRequest, exitCodeOf, explain, type SandboxOptions } from './one-sandbox.ts';
import type { Place, PlacedCommand, PlacedSandbox } from './place.ts';
import { runId } from './run-id.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

/** The image's own shell, whichever it has. */
const SHELL = ['/bin/sh', '-c', 'exec "$(command -v bash || echo sh)" -i'] as const;

const LEAVE_KEY = 0x1d; // ^]
const LEAVE_TIMES = 3;
const LEAVE_WITHIN_MS = 1000;

/** `glovebox shell`: a terminal in a sandbox of its own. The process's exit code is the shell's. Errors: `usage` where there is no terminal to lend. */
export async function shell(place: Place, terminal: Terminal, argv: readonly string[], options: SandboxOptions, signal: AbortSignal): Promise<number> {
  if (!terminal.isTerminal) throw new GloveboxError('usage', 'shell needs a terminal as stdin and stdout; for a command without one there is: glovebox exec -i -- <command>');
  return await place.inOneSandbox(terminal, options, signal, async (sandbox) => {
    terminal.note(`${sandbox.kind} sandbox ${sandbox.id}: all of it goes when the shell ends (^] three times ends it at once)`, 'dim');
    return await shellIn(sandbox, terminal, argv, options, signal);
  });
}

async function shellIn(sandbox: Pick<PlacedSandbox, 'exec'>, terminal: Terminal, argv: readonly string[], options: Pick<SandboxOptions, 'env' | 'timeout'>, signal: AbortSignal): Promise<number> {
  const [program, ...rest] = argv;
  const size = { ...terminal.size, ...(terminal.type === undefined ? {} : { term: terminal.type }) };
  const command = await sandbox.exec({ argv: program === undefined ? SHELL : [program, ...rest], stdin: 'pipe', terminal: size, signal, ...commandRequest(options) });
  await lend(command, terminal);
  const end = await command.end;
  explain(command, end, terminal);
  return exitCodeOf(end);
}

/**
 * `glovebox shell --run`: a terminal in the files of a run, whose agent stands still meanwhile. What was changed is kept when the shell ends, the agent is told of it,
 * and goes on.
 */
export async function shellOfRun(services: Services, terminal: Terminal, text: string, argv: readonly string[], signal: AbortSignal): Promise<number> {
  if (!terminal.isTerminal) throw new GloveboxError('usage', 'shell needs a terminal as stdin and stdout');
  const id = runId(text);
  const runs = services.runs(attendanceAt(terminal, services.principal));
  terminal.note(`${id} stands still after its present step …`, 'dim');
  let changed: readonly string[];
  let code: number;
  {
    await using taken = await runs.takeOver(id, signal);
    terminal.note(`${taken.sandbox.kind} sandbox ${taken.sandbox.id} with the files of ${id}: leave the shell to give them back`, 'dim');
    code = await shellIn(taken.sandbox, terminal, argv, {}, signal);
    changed = await taken.giveBack();
  }
  await runs.steer.goOn(id);
  terminal.note(changed.length === 0 ? 'nothing was changed; the agent goes on' : `the agent goes on, and is told of ${changed.join(', ')}`);
  return code;
}

/** Connects both terminals until the command has ended and everything that it wrote is shown. */
async function lend(command: PlacedCommand, terminal: Terminal): Promise<void> {
  const resize = (): void => command.resize(terminal.size.columns, terminal.size.rows);
  // Whoever closes his window leaves nobody to end it.
  const hangUp = (): void => command.cancel();
  terminal.stdout.on('resize', resize);
  process.on('SIGHUP', hangUp);
  using _lent = terminal.lend();
  try {
    const typing = type(command, terminal);
    for await (const chunk of command.output) await terminal.data(chunk.bytes);
    terminal.stdin.destroy();
    await typing;
  } finally {
    terminal.stdout.off('resize', resize);
    process.off('SIGHUP', hangUp);
  }
}

async function type(command: PlacedCommand, terminal: Terminal): Promise<void> {
  const leaving = new LeaveKeys();
  try {
    for await (const bytes of terminal.stdin as AsyncIterable<Buffer>) {
      if (leaving.pressed(bytes, performance.now())) command.cancel(0);
      await command.write(bytes);
    }
    await command.closeStdin();
  } catch {
    // The command ended first: what nobody reads any more is not an error.
  }
}

/** Finds the way out that no program inside can take away: one key, pressed three times within a second, with nothing between. */
export class LeaveKeys {
  #times: number[] = [];

  /** Whether it has now been pressed often enough; `now` in milliseconds. */
  pressed(bytes: Uint8Array, now: number): boolean {
    for (const byte of bytes) {
      this.#times = byte === LEAVE_KEY ? [...this.#times.filter((time) => now - time <= LEAVE_WITHIN_MS), now] : [];
      if (this.#times.length >= LEAVE_TIMES) return true;
    }
    return false;
  }
}
