import { Agent } from '../../agent/index.ts';
import { GloveboxError, type JournalEvent, type Policy, type RunId, type SessionId } from '../../contracts/index.ts';
import { Session } from '../../session/index.ts';
import { runOpening } from '../opening.ts';
import type { RunOptions } from '../run-input.ts';
import type { RunState } from '../run-state.ts';
import type { Runs } from '../runs.ts';
import type { RunsPorts } from '../runs-ports.ts';
import { sessionPlace } from '../session-place.ts';
import { LiveReplay, type Observation } from './live-replay.ts';
import { recordedObservations, startTree } from './recorded-observations.ts';
import { StrictReplay, type StrictReport } from './strict-replay.ts';

export interface LiveReport {
  /** Has a journal of its own, with what was decided and run. */
  readonly session: SessionId;
  readonly observations: readonly Observation[];
  /** No observation differs, every call could be run, and the files came out as they were. */
  readonly identical: boolean;
}

/** What came of doing a run again. */
export interface ReplayReport {
  readonly run: RunId;
  readonly identical: boolean;
  /** The policy of that name has changed since. */
  readonly policyChanged: boolean;
  /** Or why there is none. */
  readonly strict: StrictReport | { readonly why: string };
  readonly live?: LiveReport;
}

export interface LiveReplayOptions {
  readonly signal: AbortSignal;
  readonly stop?: boolean;
  readonly onObservation?: (observation: Observation) => void;
}

/** Does runs again. Their journals stay as they are. */
export class Replays {
  readonly #ports: RunsPorts;
  readonly #runs: Runs;
  readonly #agent: Agent;

  constructor(ports: RunsPorts, runs: Runs, agent: Agent = new Agent()) {
    this.#ports = ports;
    this.#runs = runs;
    this.#agent = agent;
  }

  /** Model and tools canned. Errors: `not_found`, `usage` where the journal has nothing to compare with, those of Policies.load. */
  async strict(id: RunId, signal: AbortSignal): Promise<ReplayReport> {
    const read = await this.#read(id);
    const strict = await this.#strict(read, signal);
    return { run: id, identical: strict.identical, policyChanged: read.policyChanged, strict };
  }

  /** The same, and then the tools live. What the journal has nothing to compare with is said in the report. Errors: also those of a session. */
  async live(id: RunId, options: LiveReplayOptions): Promise<ReplayReport> {
    const read = await this.#read(id);
    const strict = await this.#strict(read, options.signal).catch((error: unknown) => {
      if (error instanceof GloveboxError && error.code === 'usage') return { why: error.message };
      throw error;
    });
    const live = await this.#live(read, options);
    const identical = live.identical && ('why' in strict || strict.identical);
    return { run: id, identical, policyChanged: read.policyChanged, strict, live };
  }

  async #read(id: RunId): Promise<Read> {
    const state = await this.#runs.show(id);
    const { options } = state;
    if (options === undefined) throw new GloveboxError('journal_failed', `${id} was written by another version of glovebox and cannot be replayed by this one`);
    const policy = await this.#ports.policies.load(options.policy);
    return { events: await this.#ports.journal.read(id), state, options, policy, policyChanged: policy.hash !== options.policyHash };
  }

  async #strict({ events, state, policy }: Read, signal: AbortSignal): Promise<StrictReport> {
    if (state.origin?.how === 'imported') throw new GloveboxError('usage', 'another tool recorded this run, without what its model was sent: there is nothing to compare with but its tools (`--live-tools`)');
    const { workspaces, principal, redactor } = this.#ports;
    const blobs = this.#ports.blobs.of(principal.tenant);
    const opening = await runOpening(workspaces.of(principal.tenant), state, state.before, signal);
    return await new StrictReplay(events, { agent: this.#agent, policy, blobs, redactor, opening, signal }).run();
  }

  async #live({ events, state, options, policy }: Read, { signal, stop = false, onObservation = () => {} }: LiveReplayOptions): Promise<LiveReport> {
    const { workspaces, principal, clock } = this.#ports;
    const base = state.baseTree;
    const tree = startTree(events) ?? base;
    const session = await Session.open(this.#ports, { principal, policy, tree, ...sessionPlace(options), signal });
    let why = 'the replay was interrupted';
    try {
      const replay = new LiveReplay({ session, workspace: workspaces.of(principal.tenant), tools: this.#agent.tools, base, tree, clock, keepIgnored: options.keepIgnored === true, stop, onObservation });
      const recorded = recordedObservations(events, state);
      const observations = await replay.run(recorded);
      why = 'the replay ended';
      const identical = observations.length === recorded.length && observations.every(({ verdict, files }) => (verdict === 'same' || verdict === 'alike') && files.length === 0);
      return { session: session.id, observations, identical };
    } finally {
      // As after a run: what could not be removed is found by its label, and the report or the error is the one to tell.
      await session.close(why).catch(() => {});
    }
  }
}

interface Read {
  readonly events: readonly JournalEvent[];
  readonly state: RunState;
  readonly options: RunOptions;
  readonly policy: Policy;
  readonly policyChanged: boolean;
}
