import { calcPrice, findProvider } from '@pydantic/genai-prices';
import type { Clock, ModelRequest, Usage } from '../contracts/index.ts';
import { inputTokensAtMost } from './size.ts';

/** Usage with what alone decides a price and is not kept: how long written cache entries live. */
export interface BilledUsage extends Usage {
  /** The part of `cacheWriteTokens` that was written for an hour, at a higher price. */
  readonly cacheWriteHourTokens?: number;
}

/**
 * List prices of one model, bundled with @pydantic/genai-prices: no request is made for them. Undefined where the list does not
 * have the model: an invented price would be worse than none.
 */
export class Prices {
  readonly #vendor: string | undefined;
  readonly #model: string;
  readonly #clock: Clock;

  /** `vendor` is the list's id of who bills: `anthropic`, `openai`, …; undefined for a server that is not in the list. */
  constructor(vendor: string | undefined, model: string, clock: Clock) {
    this.#vendor = vendor;
    this.#model = model;
    this.#clock = clock;
  }

  usd(usage: BilledUsage): number | undefined {
    const hour = usage.cacheWriteHourTokens ?? 0;
    return this.#price({
      // The list wants the total here, with its cached parts said again below.
      input_tokens: usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens,
      cache_read_tokens: usage.cacheReadTokens,
      cache_write_tokens: usage.cacheWriteTokens,
      ...(hour > 0 ? { cache_write_1h_tokens: hour } : {}),
      output_tokens: usage.outputTokens,
    });
  }

  /** The most that a call can come to: no input read from the cache, all of it written to it where that costs extra, all output used. */
  worstCase(request: ModelRequest): { readonly usd?: number; readonly tokens: number } {
    const input = inputTokensAtMost(request);
    const usd = this.#worstUsd(input, request.maxOutputTokens);
    return { tokens: input + request.maxOutputTokens, ...(usd === undefined ? {} : { usd }) };
  }

  #worstUsd(inputTokens: number, outputTokens: number): number | undefined {
    const plain = this.#price({ input_tokens: inputTokens, output_tokens: outputTokens });
    const written = this.#price({ input_tokens: inputTokens, cache_write_tokens: inputTokens, output_tokens: outputTokens });
    return plain === undefined || written === undefined ? undefined : Math.max(plain, written);
  }

  #price(usage: Record<string, number>): number | undefined {
    if (this.#vendor === undefined) return undefined;
    const timestamp = new Date(this.#clock.now());
    return calcPrice(usage, this.#model, { providerId: this.#vendor, timestamp })?.total_price;
  }
}

/** Who bills at this address; undefined for an address that the list does not know, such as a local server. */
export function vendorAt(baseUrl: string): string | undefined {
  return findProvider({ providerApiUrl: baseUrl })?.id;
}
