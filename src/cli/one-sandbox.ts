import { constants } from 'node:os';
import { type CommandEnd, GloveboxError, type SandboxKind, type Variables, WORKSPACE } from '../contracts/index.ts';
import { type GovernedSandbox, Session } from '../session/index.ts';
import { attendanceAt } from './attendance.ts';
import { warnOfObserving } from './observing.ts';
import type { PlacedCommand, PlacedSandbox } from './place.ts';
import type { Services } from './services.ts';
import { sessionImage } from './session-image.ts';
import type { Terminal } from './terminal.ts';

/** What `exec` and `shell` are told of the sandbox that they make. */
export interface SandboxOptions {
  readonly image?: string;
  readonly policy: string;
  readonly kind?: SandboxKind;
  readonly workspace?: string;
  readonly timeout?: number;
  readonly env?: readonly string[];
  readonly var?: Variables;
}

/** A command in a sandbox of its own, which goes with it: `use` gets the sandbox and gives the process's exit code. Errors: `ExecError`, and what is no error of a sandbox. */
export async function inOneSandbox(
  services: Services,
  terminal: Terminal,
  options: SandboxOptions,
  signal: AbortSignal,
  use: (sandbox: PlacedSandbox) => Promise<number>,
): Promise<number> {
  try {
    const policy = await services.policies.load(options.policy);
    if (policy.mode === 'observe') warnOfObserving(terminal, policy.name);
    const kinds = options.kind === undefined ? policy.grant.kinds : [options.kind];
    const image = await sessionImage(services, terminal, { asked: options.image, policy, kinds }, signal);
    await using session = await Session.open(services.sessionPorts(attendanceAt(terminal, services.principal)), {
      principal: services.principal,
      policy,
      signal,
      kinds,
      ...(options.var === undefined ? {} : { variables: options.var }),
      ...image,
    });
    const sandbox = await session.sandbox('exec');
    if (options.workspace !== undefined) await bring(services, sandbox, options.workspace, terminal, signal);
    const { id, kind, image: started } = sandbox;
    const code = await use({ id, kind, image: started, session: session.id, exec: (request) => sandbox.exec(request) });
    await throwIfStopped(services, session, code);
    return code;
  } catch (thrown) {
    throw execError(thrown);
  }
}

/** A command that was ended by the kill switch has an end like any other: who reads the exit code has to hear of it. */
async function throwIfStopped({ control, principal }: Services, { id, signal }: Session, code: number): Promise<void> {
  if (signal.aborted && signal.reason instanceof GloveboxError && signal.reason.code === 'stopped') throw signal.reason;
  if (code !== LOST) return;
  // By whoever stopped it, before we heard of it.
  const stop = await control.stopOf({ tenant: principal.tenant, stream: id });
  if (stop?.freeze === false) throw new GloveboxError('stopped', `the sandbox is gone: it was stopped by ${stop.by}${stop.why === undefined ? '' : `: ${stop.why}`}`);
}

/** What a person is told of it, with its exit code. */
export function execError(thrown: unknown): unknown {
  // What went wrong first is the thing to tell, not that closing the session failed after it.
  const error: unknown = thrown instanceof SuppressedError ? thrown.suppressed : thrown;
  // As docker does: a code of our own never looks like one of the command's.
  if (error instanceof GloveboxError && error.exitCode === 5) return new ExecError(125, error);
  if (error instanceof GloveboxError && error.exitCode === 3) return new ExecError(126, error);
  if (error instanceof GloveboxError && error.exitCode === 4) return new ExecError(124, error);
  return error;
}

/** What every command of these is asked to run with. */
export function commandRequest(options: Pick<SandboxOptions, 'env' | 'timeout'>): { env: Record<string, string>; limits?: { wallMs: number } } {
  return { env: environment(options.env ?? []), ...(options.timeout === undefined ? {} : { limits: { wallMs: options.timeout } }) };
}

/** An error that ends `exec` or `shell` with a code of docker's convention. */
export class ExecError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, cause: GloveboxError) {
    super(cause.message, { cause });
    this.exitCode = exitCode;
  }
}

const LOST = 125;
const LIMITS: ReadonlySet<CommandEnd['cause']> = new Set(['timeout', 'cpu_time', 'output', 'memory', 'disk']);

/** The command's own code; 124 limit, 125 lost, 126 denied, 127 could not be started, 128+n signal. */
export function exitCodeOf(end: CommandEnd): number {
  if (LIMITS.has(end.cause)) return 124;
  switch (end.cause) {
    case 'policy':
      return 126;
    case 'not_started':
      return 127;
    case 'lost':
      return LOST;
    case 'cancelled':
      return 130;
    default:
      if (end.exitCode !== undefined) return end.exitCode;
      return 128 + (constants.signals[end.signal as NodeJS.Signals] ?? 0);
  }
}

/** How it ended, for a person, where that is not plain from the exit code. */
export function explain(command: PlacedCommand, end: CommandEnd, terminal: Terminal): void {
  const { effect, reason, observed } = command.decision;
  if (observed === true) terminal.note(`glovebox: observed: ${reason.rule} would ${effect === 'ask' ? 'ask about it' : 'deny it'}: ${reason.text}`, 'yellow');
  const hit = end.limitsHit.length === 0 ? '' : `, having run into: ${end.limitsHit.join(', ')}`;
  if (end.cause === 'policy') terminal.note(`glovebox: denied by ${reason.rule}: ${reason.text}`, 'red');
  else if (end.cause === 'not_started') terminal.note(`glovebox: could not start: ${end.startError ?? 'unknown'}`, 'red');
  else if (end.cause !== 'exited' && end.cause !== 'signalled') terminal.note(`glovebox: ended by ${end.cause}${hit}`, 'red');
  else if (hit !== '') terminal.note(`glovebox: ended${hit}`, 'yellow');
}

/** Copies a folder into the workspace. */
export async function bring(services: Services, sandbox: GovernedSandbox, folder: string, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const tree = await services.workspace.capture(folder, { signal, onNote: (note) => terminal.note(note, 'dim') });
  await sandbox.files.unpack(WORKSPACE, services.workspace.tar(tree, signal), { signal });
}

function environment(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
      throw new GloveboxError('usage', `--env ${pair}: expected NAME=value`);
    }),
  );
}
