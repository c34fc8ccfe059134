import type { OpenAI } from 'openai';
import type { Model, ModelReply, ModelRequest } from '../../contracts/index.ts';
import type { Attempt, Calls } from '../calls.ts';
import { readFailure } from '../failure.ts';
import { rawAnswer } from '../history.ts';
import { hostOf } from '../endpoint.ts';
import type { Prices } from '../prices.ts';
import { ResponsesAnswer } from './responses-answer.ts';
import { nativeNames, responsesRequest } from './responses-request.ts';

/** OpenAI's Responses API, streamed, with its own shell and apply_patch tools. */
export class ResponsesModel implements Model {
  readonly provider = 'openai';
  readonly name: string;
  readonly host: string;
  readonly #client: OpenAI;
  readonly #calls: Calls;
  readonly #prices: Prices;
  #encryptedReasoning = true;

  constructor(name: string, client: OpenAI, calls: Calls, prices: Prices) {
    this.name = name;
    this.#client = client;
    this.host = hostOf(client.baseURL);
    this.#calls = calls;
    this.#prices = prices;
  }

  worstCase(request: ModelRequest): { readonly usd?: number; readonly tokens: number } {
    return this.#prices.worstCase(request);
  }

  async complete(request: ModelRequest, options: { signal?: AbortSignal; onText?: (delta: string) => void } = {}): Promise<ModelReply> {
    return this.#calls.run(async (attempt) => {
      const answer = new ResponsesAnswer();
      for await (const event of attempt.watch(await this.#open(request, attempt))) {
        if (event.type === 'response.output_item.added') attempt.contentArrived();
        const text = answer.add(event);
        if (text !== '') options.onText?.(text);
      }
      const finished = answer.finish(nativeNames(request.tools));
      const usd = this.#prices.usd(finished.usage);
      return { ...finished, ...(usd === undefined ? {} : { usd }), raw: rawAnswer('openai', answer.items) };
    }, options.signal);
  }

  /** Models that do not reason refuse to be asked for encrypted reasoning: then the question is put without, from there on. */
  async #open(request: ModelRequest, attempt: Attempt): Promise<AsyncIterable<OpenAI.Responses.ResponseStreamEvent>> {
    const create = () => this.#client.responses.create(responsesRequest(this.name, request, this.#encryptedReasoning), { signal: attempt.signal });
    try {
      return await create();
    } catch (error) {
      const failure = readFailure(error);
      if (!this.#encryptedReasoning || failure?.status !== 400 || !/encrypted[ _]content/i.test(failure.message)) throw error;
      this.#encryptedReasoning = false;
      return create();
    }
  }
}
