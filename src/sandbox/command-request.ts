import { WORKSPACE } from '../contracts/index.ts';
import type { CommandSpec } from '../contracts/index.ts';
import type { KnownCommand } from './wire/messages-from-guest.ts';
import type { ExecRequest } from './wire/messages-to-guest.ts';
import { FILE_WINDOW_BYTES, OUTPUT_WINDOW_BYTES } from './wire/protocol.ts';
import type { Builtin } from './wire/protocol.ts';

const TERM = 'xterm-256color';

/** A command, or the operands of a file operation. */
export type AnyCommandSpec = Omit<CommandSpec, 'argv'> & { readonly argv: readonly string[] };

/** What a sandbox adds to each of its commands. */
interface Surroundings {
  /** Below the command's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly processes: number | undefined;
  readonly openFiles: number;
}

export function execRequest(spec: AnyCommandSpec, { env, processes, openFiles }: Surroundings, builtin?: Builtin): ExecRequest {
  return {
    id: spec.id,
    argv: spec.argv,
    ...(builtin === undefined ? {} : { builtin }),
    // What init does by itself reads none of it, and has to work where an image has more than fits a command.
    env: builtin === undefined ? environment(spec, env) : {},
    cwd: spec.cwd ?? WORKSPACE,
    wallMs: spec.limits.wallMs,
    cpuMs: spec.limits.cpuMs,
    outputBytes: spec.limits.outputBytes,
    graceMs: spec.graceMs,
    openFiles,
    processes,
    stdin: spec.stdin === 'pipe' || spec.terminal !== undefined,
    terminal: spec.terminal,
    windowBytes: builtin === undefined ? OUTPUT_WINDOW_BYTES : FILE_WINDOW_BYTES,
    dropBeyondLimit: spec.onOutputLimit === 'drop',
  };
}

/** A command that somebody else started: init knows what it is, and needs no more than its id. */
export function inheritedRequest({ id, windowBytes }: KnownCommand): ExecRequest {
  return { id, argv: [id], env: {}, cwd: '/', wallMs: 0, stdin: true, windowBytes, dropBeyondLimit: false };
}

/** Programs believe LINES and COLUMNS rather than the terminal, and would not see it change. */
function environment({ terminal, env }: AnyCommandSpec, surrounding: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (terminal === undefined) return { ...surrounding, ...env };
  const { LINES: _lines, COLUMNS: _columns, ...others } = surrounding;
  return { ...others, TERM: terminal.term ?? TERM, ...env };
}
