import { WORKSPACE } from '../../contracts/index.ts';
import type { CommandEnd, CommandSpec, IdSource, RunningCommand, Sandbox, SandboxLimits } from '../../contracts/index.ts';
import { broken, held, notApplicable } from './check.ts';
import type { Judgement } from './check.ts';
import { PipedConnection } from './piped-connection.ts';

/** What a check uses of a sandbox. A test of a check gives it a place without the protection instead. */
export type ProbeTarget = Pick<Sandbox, 'exec' | 'files'>;

/** A destination that policy opens, at which names and requests are tried that it does not. */
export interface WayOutProbed {
  readonly host: string;
  readonly port: number;
}

/** How a sandbox looks to whoever shares its host: an engine's account of it, a list of processes. */
export interface OutsideView {
  readonly name: string;
  readonly text: string;
}

export interface ProbedPlaceOptions {
  readonly target: ProbeTarget;
  /** Limits that the place was promised to have. */
  readonly limits: SandboxLimits;
  readonly ids: IdSource;
  /** Another sandbox beside it. */
  readonly neighbour?: ProbeTarget;
  /** What nobody may see from outside: keys, tokens. */
  readonly secrets?: readonly Buffer[];
  readonly outside?: () => Promise<readonly OutsideView[]>;
  /** What was in its environment that goes nowhere, and all that is kept of it: journal, logs, records. */
  readonly canary?: string;
  readonly kept?: () => Promise<readonly OutsideView[]>;
  /** Undefined where it has no way out at all. */
  readonly wayOut?: WayOutProbed;
  /** How many short commands leave no trace; 1000 by default. */
  readonly manyCommands?: number;
}

export interface Outcome {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly end: CommandEnd;
}

/** Where the probe program lies. It needs no other file, so it runs in any image. */
export const PROBE_PATH = `${WORKSPACE}/.glovebox-probe`;
/** What fills a disk with files has many to make, on a machine that does other things, too. */
const WALL_MS = 50_000;

/** A place with the probe program in it. */
export class ProbedPlace {
  readonly target: ProbeTarget;
  readonly limits: SandboxLimits;
  readonly neighbour: ProbeTarget | undefined;
  readonly secrets: readonly Buffer[];
  readonly outside: (() => Promise<readonly OutsideView[]>) | undefined;
  readonly canary: string | undefined;
  readonly kept: (() => Promise<readonly OutsideView[]>) | undefined;
  readonly wayOut: WayOutProbed | undefined;
  readonly manyCommands: number;
  readonly #ids: IdSource;

  private constructor(options: ProbedPlaceOptions) {
    this.target = options.target;
    this.limits = options.limits;
    this.neighbour = options.neighbour;
    this.secrets = options.secrets ?? [];
    this.outside = options.outside;
    this.canary = options.canary;
    this.kept = options.kept;
    this.wayOut = options.wayOut;
    this.manyCommands = options.manyCommands ?? 1000;
    this.#ids = options.ids;
  }

  /** Puts the program (of `sandbox-images/probe/`) into the place, and into its neighbour. Errors: as `files.write`. */
  static async open(program: Buffer, options: ProbedPlaceOptions): Promise<ProbedPlace> {
    for (const target of [options.target, options.neighbour]) await target?.files.write(PROBE_PATH, program, { mode: 0o755 });
    return new ProbedPlace(options);
  }

  /** A probe's own judgement. One that does not get to it has not shown that anything holds. */
  async ask(probe: string, operands: readonly (string | number)[] = [], how: Partial<CommandSpec> = {}): Promise<Judgement> {
    const outcome = await this.run(probe, operands, how);
    return readJudgement(outcome) ?? broken(`${probe} said nothing and ended with ${describeEnd(outcome.end)} ${outcome.stderr.toString('utf8').trim()}`.trim());
  }

  /** Runs a probe to its end. */
  run(probe: string, operands: readonly (string | number)[] = [], how: Partial<CommandSpec> = {}): Promise<Outcome> {
    return finish(this.start(probe, operands, how));
  }

  /** A connection as a program of the place makes it, by address or by a name that it looks up there. Errors, on the stream: that it could not be made, and why. */
  connect(host: string, port: number): PipedConnection {
    return new PipedConnection(this.start('pipe', [host, port], { stdin: 'pipe' }));
  }

  /** Starts a probe, here or in another place that has it. */
  start(probe: string, operands: readonly (string | number)[] = [], how: Partial<CommandSpec> = {}, target: ProbeTarget = this.target): RunningCommand {
    return target.exec({ id: this.#ids.next('cmd'), argv: [PROBE_PATH, probe, ...operands.map(String)], limits: { wallMs: WALL_MS }, ...how });
  }
}

/** Everything that a command says, and how it ends. */
export async function finish(command: RunningCommand): Promise<Outcome> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  // The bytes are ours for the moment only.
  for await (const { channel, bytes } of command.output) chunks[channel].push(Buffer.from(bytes));
  return { stdout: Buffer.concat(chunks.stdout), stderr: Buffer.concat(chunks.stderr), end: await command.end };
}

/** The probe's line; undefined when it came to none. */
export function readJudgement({ stdout }: Outcome): Judgement | undefined {
  const [, verdict, evidence = ''] = /^(held|broken|na) (.*)$/m.exec(stdout.toString('utf8')) ?? [];
  switch (verdict) {
    case 'held':
      return held(evidence);
    case 'broken':
      return broken(evidence);
    case 'na':
      return notApplicable(evidence);
    default:
      return undefined;
  }
}

export function describeEnd({ cause, exitCode, signal, startError }: CommandEnd): string {
  return [cause, exitCode ?? signal ?? startError].filter((part) => part !== undefined).join(' ');
}
