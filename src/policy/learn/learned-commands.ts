import { readInvocations, type Invocation } from '../shell/invocations.ts';
import { baseName } from '../shell/shell-word.ts';
import { type Seen, type Sighting, Sightings } from './evidence.ts';

/** As `commands.allow` says it. */
export interface ProgramRule {
  readonly program: string;
  readonly args: readonly string[];
}

/** Which programs ran, and which commands can only be named as a whole. */
export class LearnedCommands {
  readonly #programs = new Sightings<ProgramRule>();
  readonly #whole = new Sightings<readonly string[]>();
  readonly #args: number;

  /** `args`: so many leading arguments of a program belong to what is allowed. */
  constructor(args: number) {
    this.#args = args;
  }

  add(argv: readonly string[], sighting: Sighting): void {
    const { programs, doubts } = readInvocations(argv);
    const named = programs.filter(({ seenThrough }) => !seenThrough);
    if (doubts.length > 0 || !named.every(isNameable)) this.#whole.add(argv, sighting);
    else for (const rule of new Map(named.map((one) => this.#ruleOf(one)).map((one) => [JSON.stringify(one), one])).values()) this.#programs.add(rule, sighting);
  }

  get size(): number {
    return this.#programs.size + this.#whole.size;
  }

  get programs(): readonly Seen<ProgramRule>[] {
    return this.#programs.widened((rule) => rule, { isWithin });
  }

  get whole(): readonly Seen<readonly string[]>[] {
    return this.#whole.all();
  }

  #ruleOf({ program, args }: Invocation): ProgramRule {
    const certain = args.findIndex((word) => !word.certain);
    const known = certain === -1 ? args : args.slice(0, certain);
    // A path that is not absolute depends on where it is called from: a rule has its last part.
    return { program: program.startsWith('/') ? program : baseName(program), args: known.slice(0, this.#args).map(({ text }) => text) };
  }
}

function isNameable({ program }: Invocation): boolean {
  return baseName(program) !== '' && program !== '*' && baseName(program) !== '*';
}

function isWithin(narrow: ProgramRule, wide: ProgramRule): boolean {
  const program = wide.program === narrow.program || wide.program === baseName(narrow.program);
  return program && wide.args.every((arg, i) => narrow.args[i] === arg);
}
