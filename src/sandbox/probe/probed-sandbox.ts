import { readFileSync } from 'node:fs';
import type { IdSource, Sandbox, SandboxLimits } from '../../contracts/index.ts';
import { listProcesses } from '../bubblewrap/processes.ts';
import { SandboxState } from '../state.ts';
import { ProbedPlace } from './probed-place.ts';
import type { OutsideView, WayOutProbed } from './probed-place.ts';

export interface ProbedSandboxOptions {
  /** The probe program; `sandbox-images/probe/`. */
  readonly program: Buffer;
  /** Two are made: one of them is the neighbour. */
  readonly create: () => Promise<Sandbox>;
  /** Limits that it was promised. */
  readonly limits: SandboxLimits;
  /** Where its keys lie. */
  readonly stateDir: string;
  readonly ids: IdSource;
  /** What is in its variable GLOVEBOX_CANARY, and nobody may see from outside. */
  readonly canary: string;
  /** What its engine tells whoever asks; undefined where there is none. */
  readonly account: (sandbox: Sandbox) => Promise<string | undefined>;
  /** The destination that its way out is tried at, and all that was written down of it; undefined where it has none. */
  readonly wayOut?: WayOutProbed & { readonly journal: () => string };
}

/** A real sandbox with the probe program in it, a neighbour of it, and eyes outside. */
export class ProbedSandbox implements AsyncDisposable {
  readonly place: ProbedPlace;
  readonly sandbox: Sandbox;
  readonly #neighbour: Sandbox;

  private constructor(place: ProbedPlace, sandbox: Sandbox, neighbour: Sandbox) {
    this.place = place;
    this.sandbox = sandbox;
    this.#neighbour = neighbour;
  }

  /** Errors: as `create`, and as `files.write`. A failed start leaves nothing behind. */
  static async open({ program, create, limits, stateDir, ids, canary, account, wayOut }: ProbedSandboxOptions): Promise<ProbedSandbox> {
    await using made = new AsyncDisposableStack();
    const sandbox = made.use(await create());
    const neighbour = made.use(await create());
    const { toGuest, fromGuest } = SandboxState.read(stateDir, sandbox.id).keys;
    const outside = async (): Promise<OutsideView[]> => viewsOf(await account(sandbox));
    const kept = async (): Promise<OutsideView[]> => [...(await outside()), ...(wayOut === undefined ? [] : [{ name: 'the journal of its way out', text: wayOut.journal() }])];
    const given = { secrets: [Buffer.from(canary), toGuest, fromGuest], canary, ...(wayOut === undefined ? {} : { wayOut }) };
    const place = await ProbedPlace.open(program, { target: sandbox, limits, ids, neighbour, outside, kept, ...given });
    made.move();
    return new ProbedSandbox(place, sandbox, neighbour);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.sandbox.destroy(), this.#neighbour.destroy()]);
  }
}

/** What anybody sees who may talk to the engine, and the arguments of every process, which are for everybody's eyes. */
function viewsOf(account: string | undefined): OutsideView[] {
  const processes = { name: 'the arguments of the host’s processes', text: listProcesses().map(({ pid }) => read(`/proc/${pid}/cmdline`)).join('\n') };
  return account === undefined ? [processes] : [{ name: 'the engine’s account and logs of the container', text: account }, processes];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
