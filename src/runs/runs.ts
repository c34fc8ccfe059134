import { Agent } from '../agent/index.ts';
import {
  type ApprovalId,
  type ErrorCode,
  type EventData,
  GloveboxError,
  type Journal,
  type JournalEvent,
  type NewEvent,
  type OutsideEffect,
  parseId,
  type Patch,
  type RunId,
  type RunSummary,
  type StreamsOptions,
  type Workspace,
} from '../contracts/index.ts';
import { OutsideEffects } from '../session/index.ts';
import { summarize } from './conclusion.ts';
import { applying, branching, pushing } from './deliveries.ts';
import { type DescribeOptions, describeRun } from './describe-run.ts';
import { Execution } from './execution.ts';
import { FencedJournal } from './fenced-journal.ts';
import type { Lease } from './leases.ts';
import { requirePermission } from './permission.ts';
import { keyedRun } from './queue/creation-key.ts';
import type { RunInput } from './run-input.ts';
import { RunReading } from './run-reading.ts';
import { outlineRun, type RunOutline, standing } from './run-outline.ts';
import { foldRun, requireKnown, type RunState } from './run-state.ts';
import type { ExecuteOptions, GoEnd, RunsPorts } from './runs-ports.ts';
import { withEvent } from './steering/requests.ts';
import { Steer } from './steering/steer.ts';
import { TakeOver } from './steering/take-over.ts';

export interface CreateOptions extends DescribeOptions {
  /** It waits for a worker, which takes it at that time or later. */
  readonly queue?: { readonly notBeforeMs?: number };
  /** Of the caller's choice, so that asking twice makes one run. */
  readonly key?: string;
}

/** A run in a list. */
export interface RunListing {
  readonly id: RunId;
  readonly state: RunOutline;
  /** Whether a process is at it now. */
  readonly running: boolean;
  /** In a word: queued, running, waiting, paused, interrupted, or its outcome. */
  readonly standing: string;
}

/** The life of runs: created, executed, resumed, and what came of them. */
export class Runs {
  readonly #ports: RunsPorts;
  readonly #agent: Agent;

  constructor(ports: RunsPorts, agent: Agent = new Agent()) {
    this.#ports = ports;
    this.#agent = agent;
  }

  /** What a person can ask of a run while it goes on, or waits. */
  get steer(): Steer {
    return new Steer(this.#ports, (id) => this.show(id));
  }

  /** The run in this person's own hands. Errors: see `TakeOver.begin`. */
  takeOver(id: RunId, signal: AbortSignal): Promise<TakeOver> {
    return TakeOver.begin(this.#ports, id, this.steer, signal);
  }

  /**
   * Takes the repository in and writes down what is wanted; with `queue` a worker takes it from there. The same `key` and input again give the same run.
   * Errors: `key_reused`, `usage`, those of Workspace.capture, Policies.load and Models.open.
   */
  async create(input: RunInput, options: CreateOptions = {}): Promise<RunId> {
    const { ids, journal, principal, queue } = this.#ports;
    requirePermission(this.#ports, 'start');
    const fresh = ids.next('run');
    const id = options.key === undefined ? fresh : await keyedRun(journal, { tenant: principal.tenant, key: options.key, input, fresh });
    if (id !== fresh && foldRun(await journal.read(id)).status !== 'missing') return id;
    const { event, kept } = await describeRun(this.#ports, this.#agent.versions, input, options);
    const created: NewEvent = { type: 'run.created', data: event };
    if (options.queue === undefined) await journal.append(id, [created], { durable: true, tenant: principal.tenant });
    else {
      const { notBeforeMs } = options.queue;
      const priority = kept.priority ?? 0;
      const queued: NewEvent = { type: 'run.queued', data: { priority, ...(notBeforeMs === undefined ? {} : { notBeforeMs }) } };
      await queue.offer({ run: id, tenant: principal.tenant, model: kept.model, priority, notBeforeMs: notBeforeMs ?? 0 }, [created, queued]);
    }
    return id;
  }

  /**
   * Begins a run or goes on with it, to its end; where somebody pauses it for long, it waits without a sandbox. A run that ended is not run again: its summary is given.
   * Errors: `admission_full` where another process is at it, `cancelled` when the signal fired; after these, and after any error of the
   * infrastructure, the run can be resumed by calling this again.
   */
  async execute(id: RunId, options: ExecuteOptions = {}): Promise<RunSummary> {
    requirePermission(this.#ports, 'start');
    for (;;) {
      const { options: asked } = await this.show(id);
      const end = await this.#underLease(id, await this.#lease(id, asked?.model), options);
      if (end.how === 'ended') return end.summary;
      if (end.how === 'handed_over') throw new GloveboxError('cancelled', `the run was handed over: ${end.why}`, { details: { run: id } });
      await this.#letGoOn(id, options.signal);
    }
  }

  /** One go of a worker that has the lease, and keeps it. Errors: those of `execute`. */
  async go(id: RunId, lease: Lease, { worker, ...options }: ExecuteOptions & { readonly worker: string }): Promise<GoEnd> {
    await this.#under(id, lease).append(id, [{ type: 'run.claimed', data: { worker } }], { durable: true });
    return this.#go(id, lease, options);
  }

  /** Ends a run that cannot be gone on with. */
  async fail(id: RunId, lease: Lease, { code, detail }: { readonly code: ErrorCode; readonly detail: string }): Promise<void> {
    const state = foldRun(await this.#ports.journal.read(id));
    await this.#under(id, lease).append(id, [{ type: 'run.ended', data: summarize(state, { outcome: 'failed', code, detail, files: [] }) }], { durable: true });
  }

  /** Whether it is still to be answered. */
  async isPending(id: ApprovalId): Promise<boolean> {
    const { approvals, principal } = this.#ports;
    return (await approvals?.get(id, principal))?.status === 'pending';
  }

  async #underLease(id: RunId, taken: Lease, options: ExecuteOptions): Promise<GoEnd> {
    await using lease = taken;
    const end = await this.#go(id, lease, options);
    if (end.how === 'ended') lease.retire();
    return end;
  }

  async #go(id: RunId, lease: Lease, options: ExecuteOptions): Promise<GoEnd> {
    const reading = new RunReading(this.#ports.journal, id);
    const state = await reading.now();
    requireKnown(id, state);
    if (state.summary !== undefined) return { how: 'ended', summary: state.summary };
    const signal = options.signal === undefined ? lease.signal : AbortSignal.any([options.signal, lease.signal]);
    return new Execution({ ...this.#ports, journal: this.#under(id, lease) }, this.#agent, id, { reading, state, how: { ...options, signal } }).run();
  }

  get #workspace(): Workspace {
    return this.#ports.workspaces.of(this.#ports.principal.tenant);
  }

  #lease(id: RunId, model = ''): Promise<Lease> {
    const { leases, principal } = this.#ports;
    return leases.take(id, { tenant: principal.tenant, model, holder: principal.name });
  }

  #under(id: RunId, { fence }: Lease): Journal {
    return fence === undefined ? this.#ports.journal : new FencedJournal(this.#ports.journal, id, fence);
  }

  /** Until nobody wants it to stand still any more. */
  async #letGoOn(id: RunId, signal: AbortSignal | undefined): Promise<void> {
    const { lastSeq, life } = foldRun(await this.#ports.journal.read(id));
    let { requests } = life;
    if (requests.paused === undefined) return;
    for await (const event of this.follow(id, { afterSeq: lastSeq, signal: signal ?? new AbortController().signal })) {
      requests = withEvent(requests, event);
      if (requests.paused === undefined || requests.cancelled !== undefined) return;
    }
    signal?.throwIfAborted();
  }

  /** Whether a process is at it now. */
  isRunning(id: RunId): Promise<boolean> {
    return this.#ports.leases.held(id);
  }

  /** Newest first; `before` goes on after the last one of a page. */
  async list(options: Pick<StreamsOptions, 'limit' | 'before'> = {}): Promise<readonly RunListing[]> {
    requirePermission(this.#ports, 'read');
    const listings: RunListing[] = [];
    const { tenant } = this.#ports.principal;
    // One after the other, so that the events of only one run at a time are in memory.
    for (const listing of await this.#ports.journal.streams({ tenant, prefix: 'run_', ...options, limit: options.limit ?? 50 })) {
      const id = parseId('run', listing.stream);
      if (id === undefined) continue;
      const state = await outlineRun(this.#ports.journal, listing);
      const running = state.status !== 'ended' && (await this.#ports.leases.held(id));
      listings.push({ id, state, running, standing: standing(state, running) });
    }
    return listings;
  }

  /** Errors: `not_found`, for those of another tenant as well; `erased`. */
  async show(id: RunId): Promise<RunState> {
    requirePermission(this.#ports, 'read');
    const state = foldRun(await this.#ports.journal.read(id));
    if (state.status === 'erased') await this.#throwErased(id);
    return this.#own(id, state);
  }

  /** Of another tenant's run it is not told that there was one. */
  async #throwErased(id: RunId): Promise<void> {
    const [own] = await this.#ports.journal.streams({ stream: id, tenant: this.#ports.principal.tenant });
    if (own === undefined) return;
    const [from, to] = [own.firstMs, own.lastMs].map((ms) => new Date(ms).toISOString());
    throw new GloveboxError('erased', `${id} was erased, and nobody can read it any more: what is left is that there were ${own.events} events, from ${from} to ${to}`, { details: { run: id } });
  }

  #own(id: RunId, state: RunState): RunState {
    if (state.status === 'missing' || state.tenant !== this.#ports.principal.tenant) throw new GloveboxError('not_found', `there is no run ${id}; \`glovebox runs list\` shows those that are`);
    return state;
  }

  /** What happened and what happens, until the signal fires. */
  follow(id: RunId, options: { afterSeq?: number; signal: AbortSignal }): AsyncIterable<JournalEvent> {
    return this.#ports.journal.follow(id, options);
  }

  /** The patch that a run came to; empty where it changed nothing. Errors: `usage` where the run has none to give (yet). */
  async patch(id: RunId, signal?: AbortSignal): Promise<Patch> {
    const { summary, baseTree, tree } = await this.show(id);
    if (summary === undefined) throw new GloveboxError('usage', `${id} has not ended: \`glovebox runs resume ${id}\` goes on with it`);
    if (summary.patchBlob === undefined || tree === undefined) {
      if (summary.files.length === 0) return { text: Buffer.alloc(0), files: [] };
      throw new GloveboxError('denied', `the patch of ${id} was not let out: ${summary.detail}`);
    }
    const { files } = await this.#workspace.diff(baseTree, tree, signal);
    return { text: await this.#ports.blobs.of(this.#ports.principal.tenant).get(summary.patchBlob), files };
  }

  /** Writes the patch into the repository that the run was made from. Errors: `patch_conflict`, `admission_full`, and those of `patch` and of `OutsideEffects.run`. */
  async apply(id: RunId, signal?: AbortSignal): Promise<Patch> {
    const patch = await this.patch(id, signal);
    const { repository } = await this.show(id);
    await this.#deliver(id, applying({ workspace: this.#workspace, run: id, repository, patch }), { how: 'apply', target: repository }, signal);
    return patch;
  }

  /** Puts the patch on a new branch; gives the commit, which is empty where only a person knows that it was made. Errors: as `apply`. */
  async branch(id: RunId, name: string, signal?: AbortSignal): Promise<string> {
    const patch = await this.patch(id, signal);
    const { repository, task } = await this.show(id);
    return this.#deliver(id, branching({ workspace: this.#workspace, run: id, repository, patch }, name, task), { how: 'branch', target: name }, signal);
  }

  /** Pushes the patch as a new branch to where the repository is at home; gives the commit, which is empty where only a person knows that it was pushed. Errors: as `apply`, and those of `Workspace.push`. */
  async push(id: RunId, name: string, signal?: AbortSignal): Promise<string> {
    const patch = await this.patch(id, signal);
    const { repository, task } = await this.show(id);
    return this.#deliver(id, pushing({ workspace: this.#workspace, run: id, repository, patch }, name, task), { how: 'push', target: name }, signal);
  }

  /** At most once, by one process at a time. */
  async #deliver(id: RunId, effect: OutsideEffect, exported: EventData['run.exported'], signal: AbortSignal = new AbortController().signal): Promise<string> {
    const { options } = await this.show(id);
    await using lease = await this.#lease(id, options?.model);
    const policy = await this.#ports.policies.load(options?.policy ?? '');
    const effects = new OutsideEffects({ ...this.#ports, journal: this.#under(id, lease) }, { stream: id, principal: options?.principal ?? this.#ports.principal, policy });
    const result = await effects.run(effect, { signal, written: [{ type: 'run.exported', data: exported }] });
    lease.retire();
    return result;
  }

  /** Writes down that the patch left. */
  async exported(id: RunId, how: EventData['run.exported']['how'], target: string): Promise<void> {
    await this.#ports.journal.append(id, [{ type: 'run.exported', data: { how, target } }], { durable: true });
  }
}
