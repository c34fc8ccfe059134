import type { OpenAI } from 'openai';
import type { Model, ModelReply, ModelRequest, Usage } from '../../contracts/index.ts';
import type { Attempt, Calls } from '../calls.ts';
import { FailedAnswer, readFailure } from '../failure.ts';
import { rawAnswer } from '../history.ts';
import { hostOf } from '../endpoint.ts';
import type { Prices } from '../prices.ts';
import { estimateTokens } from '../size.ts';
import { ChatAnswer } from './chat-answer.ts';
import { chatRequest, type ChatDialect } from './chat-request.ts';

/** Chat Completions, the protocol that most other servers speak, more or less: their differences are coped with here. */
export class ChatModel implements Model {
  readonly provider = 'openai-chat';
  readonly name: string;
  readonly host: string;
  readonly #client: OpenAI;
  readonly #calls: Calls;
  readonly #prices: Prices;
  #dialect: ChatDialect;

  constructor(name: string, client: OpenAI, calls: Calls, prices: Prices, outputLimit: ChatDialect['outputLimit']) {
    this.name = name;
    this.#client = client;
    this.host = hostOf(client.baseURL);
    this.#calls = calls;
    this.#prices = prices;
    this.#dialect = { outputLimit, streamOptions: true };
  }

  worstCase(request: ModelRequest): { readonly usd?: number; readonly tokens: number } {
    return this.#prices.worstCase(request);
  }

  async complete(request: ModelRequest, options: { signal?: AbortSignal; onText?: (delta: string) => void } = {}): Promise<ModelReply> {
    return this.#calls.run(async (attempt) => {
      const answer = new ChatAnswer(`call_${request.messages.length}`);
      for await (const chunk of attempt.watch(await this.#open(request, attempt))) {
        const text = answer.add(chunk);
        if (answer.hasContent) attempt.contentArrived();
        if (text !== '') options.onText?.(text);
      }
      const { usage: said, ...finished } = answer.finish();
      const usage = said ?? estimatedUsage(request, answer);
      const usd = this.#prices.usd(usage);
      const raw = { ...rawAnswer('openai-chat', answer.reasoning), ...(said === undefined ? { estimated: true } : {}) };
      return { ...finished, usage, ...(usd === undefined ? {} : { usd }), raw };
    }, options.signal);
  }

  /** The chunks of a stream, or the one whole answer of a server that was asked to stream and does not. */
  async #open(request: ModelRequest, attempt: Attempt): Promise<AsyncIterable<unknown>> {
    const { data, response } = await this.#create(request, attempt);
    if (!(response.headers.get('content-type') ?? '').includes('application/json')) return data;
    return oneWhole(await response.json());
  }

  async #create(request: ModelRequest, attempt: Attempt) {
    const create = () => this.#client.chat.completions.create(chatRequest(this.name, request, this.#dialect), { signal: attempt.signal }).withResponse();
    try {
      return await create();
    } catch (error) {
      const failure = readFailure(error);
      if (!this.#dialect.streamOptions || !failure?.message.includes('stream_options')) throw error;
      this.#dialect = { ...this.#dialect, streamOptions: false };
      return create();
    }
  }
}

async function* oneWhole(body: unknown): AsyncGenerator<unknown> {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
  if (error != null) throw new FailedAnswer('server_error', typeof error === 'string' ? error : JSON.stringify(error));
  yield await Promise.resolve(body);
}

/** For servers that give no usage. Zeros would be a lie, so it is estimated, and `raw.estimated` says so. */
function estimatedUsage(request: ModelRequest, answer: ChatAnswer): Usage {
  return {
    inputTokens: estimateTokens(JSON.stringify([request.system, request.tools, request.messages.map(withoutRaw)])),
    outputTokens: estimateTokens(answer.written),
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  };
}

function withoutRaw(message: ModelRequest['messages'][number]): unknown {
  return message.role === 'assistant' ? { text: message.reply.text, calls: message.reply.calls } : message;
}
