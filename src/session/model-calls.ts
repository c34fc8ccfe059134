import {
  type Amounts,
  type Blobs,
  costOf,
  type DecisionRequest,
  describeError,
  GloveboxError,
  MICRO_USD,
  type Model,
  type ModelReply,
  type ModelRequest,
  type Reservation,
  type Spending,
} from '../contracts/index.ts';
import { Fallbacks } from './fallbacks.ts';
import { type Gate, refusal, type Verdict } from './gate.ts';
import { NO_REDACTOR, redactedReply } from './redacted.ts';
import { RequestRecord } from './request-record.ts';
import type { SessionOptions, SessionPorts } from './session-options.ts';
import { plus } from './spending.ts';

interface ModelCallsOptions extends Pick<SessionPorts, 'budgets' | 'clock' | 'redactor'>, Pick<SessionOptions, 'policy' | 'principal' | 'fallbacks' | 'spent'> {
  readonly gate: Gate;
  readonly blobs: Blobs | undefined;
  /** Where it is written what becomes of a call. */
  readonly stream: string;
  readonly signal: AbortSignal;
  readonly touch: () => void;
}

interface Admitted {
  readonly call: string;
  readonly worst: Spending;
  readonly reservation: Reservation | undefined;
}

/** The calls of models that a session makes: each is decided and put aside at its worst case before it is made, and charged after. */
export class ModelCalls {
  readonly #options: ModelCallsOptions;
  readonly #fallbacks: Fallbacks;
  readonly #requests: RequestRecord;
  #spent: Spending;
  /** What calls that are under way may use at worst. */
  #reserved = NOTHING;
  #last: Promise<unknown> = Promise.resolve();
  #underWay = 0;

  constructor(options: ModelCallsOptions) {
    this.#options = options;
    this.#spent = options.spent ?? NOTHING;
    this.#requests = new RequestRecord(options.blobs);
    this.#fallbacks = new Fallbacks({ ...options, fallbacks: options.fallbacks ?? [] });
  }

  get spent(): Spending {
    return this.#spent;
  }

  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** `cut` cuts it short. Errors: `budget_exhausted`, `denied`, `journal_failed`, and those of the last model that was asked. */
  call(model: Model, request: ModelRequest, onText?: (delta: string) => void, cut?: AbortSignal): Promise<ModelReply> {
    return this.#fallbacks.first(model, async (each) => {
      const { REPEATING } = await import('./repeating.ts');
      return REPEATING.execute(() => this.#call(each, request, onText, cut), cut === undefined ? this.#options.signal : AbortSignal.any([this.#options.signal, cut]));
    });
  }

  async #call(model: Model, request: ModelRequest, onText?: (delta: string) => void, cut?: AbortSignal): Promise<ModelReply> {
    const { gate, touch } = this.#options;
    const signal = cut === undefined ? this.#options.signal : AbortSignal.any([this.#options.signal, cut]);
    touch();
    this.#underWay += 1;
    try {
      const { call, worst, reservation } = await this.#inTurn(() => this.#admit(model, request));
      try {
        const started = { call, model: nameOf(model), ...(await this.#requests.record(request)), worstCaseUsd: worst.usd, worstCaseTokens: worst.tokens };
        await gate.write([{ type: 'model.started', data: { ...started, ...(reservation === undefined ? {} : { reservation: reservation.id }) } }], true);
        const reply = await this.#answer(call, { worst, reservation }, () => model.complete(request, { signal, ...(onText === undefined ? {} : { onText }) }));
        this.#spent = plus(this.#spent, spendingOf(reply));
        // An answer that cannot be written is no failure of the call: for the journal it stays under way, and is kept at its worst case.
        await gate.write([{ type: 'model.ended', data: { call, reply } }], true);
        await reservation?.settle(costOf(reply));
        return reply;
      } finally {
        this.#reserved = minus(this.#reserved, worst);
      }
    } finally {
      this.#underWay -= 1;
      touch();
    }
  }

  /** Decided by what the books say, and put aside before they say anything else: who was overtaken reads and asks again. */
  async #admit(model: Model, request: ModelRequest): Promise<Admitted> {
    const { gate, budgets, principal, policy, signal, stream } = this.#options;
    const { usd = 0, tokens } = model.worstCase(request);
    const worst: Spending = { usd, tokens, steps: 1 };
    const aside: Amounts = { microUsd: Math.ceil(usd * MICRO_USD - 0.01), tokens };
    const call = `${nameOf(model)}#${this.#spent.steps + this.#reserved.steps + 1}`;
    for (let verdict: Verdict | undefined; ; ) {
      signal.throwIfAborted();
      const reading = await budgets?.read(principal);
      const accounts = reading === undefined || reading.accounts.length === 0 ? {} : { accounts: reading.accounts };
      const question: DecisionRequest = { action: 'model.call', provider: model.provider, model: model.name, host: model.host ?? '', spent: plus(this.#spent, this.#reserved), worstCase: worst, ...accounts };
      // What a person said yes to is not asked again because others have spent something meanwhile; whether there is still enough is.
      if (verdict?.decision.effect !== 'ask' || policy.decide(question, principal).effect === 'deny') verdict = await gate.consider(question, { signal });
      const reservation = reading === undefined || !verdict.allowed ? undefined : await budgets?.reserve(reading, principal, aside, { stream, call });
      if (reading !== undefined && verdict.allowed && reservation === undefined) continue;
      if (verdict.allowed) this.#reserved = plus(this.#reserved, worst);
      await gate.write([verdict.event]);
      if (!verdict.allowed) throw refusal(question, verdict.decision);
      return { call, worst, reservation };
    }
  }

  /** What fails is written down with what is known of its cost. */
  async #answer(call: string, { worst, reservation }: Omit<Admitted, 'call'>, complete: () => Promise<ModelReply>): Promise<ModelReply> {
    try {
      return await redactedReply(this.#options.redactor ?? NO_REDACTOR, await complete());
    } catch (error) {
      const code = error instanceof GloveboxError ? error.code : 'internal';
      // The model says when it is not known whether the provider counted the call: it is kept at its worst case then.
      const unknown = error instanceof GloveboxError ? error.details['costUnknown'] === true : true;
      if (unknown) this.#spent = plus(this.#spent, { ...worst, steps: 0 });
      const tooLong = error instanceof GloveboxError && error.details['contextLength'] === true;
      await this.#options.gate.write([{ type: 'model.failed', data: { call, code, message: describeError(error), unknown, ...(tooLong ? { tooLong } : {}) } }]);
      await reservation?.settle(unknown ? 'unknown' : 'unused');
      throw error;
    }
  }

  /** One after the other, so that each sees what was put aside before it. */
  #inTurn<T>(admit: () => Promise<T>): Promise<T> {
    const admitted = this.#last.then(admit);
    this.#last = admitted.catch(() => {});
    return admitted;
  }
}

const NOTHING: Spending = { usd: 0, tokens: 0, steps: 0 };

function nameOf({ provider, name }: Model): string {
  return `${provider}:${name}`;
}

function spendingOf(reply: ModelReply): Spending {
  return { usd: reply.usd ?? 0, tokens: costOf(reply).tokens, steps: 1 };
}

function minus(a: Spending, b: Spending): Spending {
  // What is left of sums of prices is not exactly nothing when nothing is under way.
  if (a.steps <= b.steps) return NOTHING;
  return { usd: a.usd - b.usd, tokens: a.tokens - b.tokens, steps: a.steps - b.steps };
}
