import { Agent, forkedMessage } from '../../agent/index.ts';
import { GloveboxError, type Message, type NewEvent, type RunId } from '../../contracts/index.ts';
import { plus } from '../../session/index.ts';
import { requirePermission } from '../permission.ts';
import type { RunOptions } from '../run-input.ts';
import type { RunState } from '../run-state.ts';
import type { Runs } from '../runs.ts';
import type { RunsPorts } from '../runs-ports.ts';
import { stateAtStep } from './state-at-step.ts';

/** Where another way begins, and what is other about it. */
export interface ForkInput {
  /** After this step; 0 is before the first. */
  readonly step: number;
  readonly model?: string;
  readonly policy?: string;
  /** Said to the agent before it goes on. */
  readonly prompt?: string;
}

/** Runs that go on from a step of another one. */
export class Forks {
  readonly #ports: RunsPorts;
  readonly #runs: Runs;
  readonly #agent: Agent;

  constructor(ports: RunsPorts, runs: Runs, agent: Agent = new Agent()) {
    this.#ports = ports;
    this.#runs = runs;
    this.#agent = agent;
  }

  /**
   * A new run with the conversation up to that step and the workspace as it then was, ready to be executed; with `queue` a worker takes it. All of it is in the new run's own stream: it does
   * not need the other one any more. Errors: `not_found`, those of `stateAtStep`, Policies.load and Models.open.
   */
  async fork(id: RunId, input: ForkInput, { queue: isQueued = false }: { readonly queue?: boolean } = {}): Promise<RunId> {
    const { principal, policies, models, ids, journal, queue } = this.#ports;
    requirePermission(this.#ports, 'start');
    const { options } = await this.#runs.show(id);
    if (options === undefined) throw new GloveboxError('journal_failed', `${id} was written by another version of glovebox and cannot be forked by this one`);
    const state = stateAtStep(await journal.read(id), input.step);
    const policy = await policies.load(input.policy ?? options.policy);
    const model = input.model ?? options.model;
    await models.open(model);
    const kept: RunOptions = { ...options, principal: { ...principal, roles: [...principal.roles] }, model, policy: input.policy ?? options.policy, policyHash: policy.hash, versions: this.#agent.versions };
    const fork = ids.next('run');
    const { task, repository, baseTree } = state;
    const events: NewEvent[] = [{ type: 'run.created', data: { task, repository, baseTree, options: kept } }, forked(id, state, input.step)];
    for (const message of state.messages) events.push({ type: 'run.copied', data: { message: model === options.model ? message : withoutRaw(message) } });
    const text = input.step === 0 ? input.prompt : forkedMessage(input.prompt, options.keepIgnored === true);
    if (text !== undefined) events.push({ type: 'run.prompted', data: { text } });
    if (!isQueued) await journal.append(fork, events, { durable: true, tenant: principal.tenant });
    else {
      const priority = kept.priority ?? 0;
      await queue.offer({ run: fork, tenant: principal.tenant, model, priority, notBeforeMs: 0 }, [...events, { type: 'run.queued', data: { priority } }]);
    }
    return fork;
  }
}

function forked(run: RunId, { tree, before, spent, origin, lastSeq }: RunState, step: number): NewEvent {
  const data = { parent: { run, seq: lastSeq, step }, ...(tree === undefined ? {} : { tree }), ...(before === undefined ? {} : { tested: before }), spent: origin === undefined ? spent : plus(spent, origin.spent) };
  return { type: 'run.forked', data };
}

/** Another model is not sent what only the one before it can read (thinking, signatures, item ids): it gets the text and the calls. */
function withoutRaw(message: Message): Message {
  return message.role === 'assistant' ? { ...message, reply: { ...message.reply, raw: null } } : message;
}
