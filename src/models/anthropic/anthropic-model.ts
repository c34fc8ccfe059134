import Anthropic from '@anthropic-ai/sdk';
import type { Model, ModelReply, ModelRequest } from '../../contracts/index.ts';
import type { Calls } from '../calls.ts';
import { type Endpoint, hostOf, NO_REDIRECTS } from '../endpoint.ts';
import { rawAnswer } from '../history.ts';
import type { Prices } from '../prices.ts';
import { AnthropicAnswer } from './anthropic-answer.ts';
import { anthropicRequest, ourToolName } from './anthropic-request.ts';

/** Anthropic's Messages API, streamed, with its own shell and editor tools. */
export class AnthropicModel implements Model {
  readonly provider = 'anthropic';
  readonly name: string;
  readonly host: string;
  readonly #client: Anthropic;
  readonly #calls: Calls;
  readonly #prices: Prices;

  constructor(endpoint: Endpoint, calls: Calls, prices: Prices, fetch?: typeof globalThis.fetch) {
    this.name = endpoint.model;
    this.#calls = calls;
    this.#prices = prices;
    this.#client = new Anthropic({
      apiKey: endpoint.key,
      // Not undefined: the SDK would look into the process's environment, and the environment is injected.
      baseURL: endpoint.baseUrl ?? null,
      maxRetries: 0,
      logLevel: 'off',
      fetchOptions: NO_REDIRECTS,
      ...(fetch === undefined ? {} : { fetch }),
    });
    this.host = hostOf(this.#client.baseURL);
  }

  worstCase(request: ModelRequest): { readonly usd?: number; readonly tokens: number } {
    return this.#prices.worstCase(request);
  }

  async complete(request: ModelRequest, options: { signal?: AbortSignal; onText?: (delta: string) => void } = {}): Promise<ModelReply> {
    const body = anthropicRequest(this.name, request);
    return this.#calls.run(async (attempt) => {
      const answer = new AnthropicAnswer();
      const events = await this.#client.messages.create(body, { signal: attempt.signal });
      for await (const event of attempt.watch(events)) {
        if (event.type === 'content_block_start') attempt.contentArrived();
        const text = answer.add(event);
        if (text !== '') options.onText?.(text);
      }
      const { text, calls, stop, usage: billed } = answer.finish();
      const { cacheWriteHourTokens: _, ...usage } = billed;
      const usd = this.#prices.usd(billed);
      return {
        text,
        calls: calls.map((call) => ({ ...call, name: ourToolName(call.name, request.tools) })),
        stop,
        usage,
        ...(usd === undefined ? {} : { usd }),
        raw: rawAnswer('anthropic', answer.content),
      };
    }, options.signal);
  }
}
