import { isAbsolute, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CircuitBreakerPolicy } from 'cockatiel';
import { GloveboxError, systemClock, type Clock, type Model, type Models } from '../contracts/index.ts';
import type { CallDeps, Calls, CallTiming } from './calls.ts';
import { type Endpoint, NO_REDIRECTS } from './endpoint.ts';
import type { Prices } from './prices.ts';

export interface ModelsOptions {
  /** Read: ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative names of transcripts start. */
  readonly transcriptFolder: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly sleep?: CallDeps['sleep'];
  readonly timing?: Partial<CallTiming>;
}

const FORMS = 'anthropic:<model>, openai:<model>, openai-chat:<model> or transcript:<file>';
/** Servers that ask for no key still get one, because the SDKs insist. */
const PLACEHOLDER_KEY = 'none';

/**
 * Opens a model from its string. Nothing is asked of a provider before the first call.
 * Errors: `model_unknown` for a string of another form, `model_key_missing`, `transcript_invalid`.
 */
export class ModelsByName implements Models {
  readonly #options: ModelsOptions;
  readonly #deps: Omit<CallDeps, 'timing'>;
  /** One for each place that calls go to. */
  readonly #breakers = new Map<string, CircuitBreakerPolicy>();

  constructor(options: ModelsOptions) {
    this.#options = options;
    this.#deps = {
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      sleep: options.sleep ?? sleep,
    };
  }

  async open(name: string): Promise<Model> {
    const colon = name.indexOf(':');
    const provider = name.slice(0, Math.max(0, colon));
    const model = name.slice(colon + 1);
    if (colon < 1 || model.trim() === '') throw unknown(name);
    // SDKs and prices are loaded when they are needed: most commands need none, and they take longer to load than such a command to run.
    switch (provider) {
      case 'anthropic':
        return this.#anthropic(model);
      case 'openai':
        return this.#responses(model);
      case 'openai-chat':
        return this.#chat(model);
      case 'transcript':
        return this.#transcript(model);
      default:
        throw unknown(name);
    }
  }

  async #anthropic(model: string): Promise<Model> {
    const endpoint = this.#endpoint('anthropic', model, 'ANTHROPIC');
    const { AnthropicModel } = await import('./anthropic/anthropic-model.ts');
    const prices = await this.#prices('anthropic', endpoint);
    return new AnthropicModel(endpoint, await this.#calls(endpoint), prices, this.#options.fetch);
  }

  async #responses(model: string): Promise<Model> {
    const hint = 'If it lacks the Responses API or its shell and apply_patch tools, try openai-chat:<model>.';
    const endpoint = { ...this.#endpoint('openai', model, 'OPENAI'), hint };
    const { ResponsesModel } = await import('./openai-responses/responses-model.ts');
    const client = await this.#openAiClient(endpoint);
    const prices = await this.#prices('openai', endpoint);
    return new ResponsesModel(model, client, await this.#calls(endpoint), prices);
  }

  async #chat(model: string): Promise<Model> {
    const endpoint = this.#endpoint('openai-chat', model, 'OPENAI');
    const { ChatModel } = await import('./openai-chat/chat-model.ts');
    const client = await this.#openAiClient(endpoint);
    // Behind another address is another vendor, or somebody's own machine: OpenAI's prices would be made up there.
    const { vendorAt } = await import('./prices.ts');
    const vendor = endpoint.baseUrl === undefined ? 'openai' : vendorAt(endpoint.baseUrl);
    const limit = vendor === 'openai' ? 'max_completion_tokens' : 'max_tokens';
    const prices = await this.#prices(vendor, endpoint);
    return new ChatModel(model, client, await this.#calls(endpoint), prices, limit);
  }

  async #transcript(file: string): Promise<Model> {
    const [{ readTranscript }, { TranscriptModel }] = await Promise.all([
      import('./transcript/transcript-file.ts'),
      import('./transcript/transcript-model.ts'),
    ]);
    const path = isAbsolute(file) ? file : join(this.#options.transcriptFolder, file);
    return new TranscriptModel(file, await readTranscript(path));
  }

  async #openAiClient(endpoint: Endpoint) {
    const { OpenAI } = await import('openai');
    return new OpenAI({
      apiKey: endpoint.key,
      adminAPIKey: null,
      // Null, not undefined: the SDK would look into the process's environment, and the environment is injected.
      baseURL: endpoint.baseUrl ?? null,
      organization: this.#variable('OPENAI_ORG_ID') ?? null,
      project: this.#variable('OPENAI_PROJECT_ID') ?? null,
      maxRetries: 0,
      logLevel: 'off',
      fetchOptions: NO_REDIRECTS,
      ...(this.#options.fetch === undefined ? {} : { fetch: this.#options.fetch }),
    });
  }

  async #calls(endpoint: Endpoint): Promise<Calls> {
    const { Calls, defaultTiming, endpointBreaker } = await import('./calls.ts');
    const place = `${endpoint.provider} ${endpoint.baseUrl ?? ''}`;
    const breaker = this.#breakers.get(place) ?? endpointBreaker();
    this.#breakers.set(place, breaker);
    return new Calls(endpoint, { ...this.#deps, timing: { ...defaultTiming, ...this.#options.timing } }, breaker);
  }

  async #prices(vendor: string | undefined, endpoint: Endpoint): Promise<Prices> {
    const { Prices } = await import('./prices.ts');
    return new Prices(vendor, endpoint.model, this.#deps.clock);
  }

  #endpoint(provider: string, model: string, prefix: 'ANTHROPIC' | 'OPENAI'): Endpoint {
    const keyVariable = `${prefix}_API_KEY`;
    const baseUrlVariable = `${prefix}_BASE_URL`;
    const baseUrl = this.#baseUrl(baseUrlVariable);
    const key = this.#key(keyVariable);
    if (key === undefined && baseUrl === undefined) {
      const local = `For a server of your own, set ${baseUrlVariable}; any key will do there, or none.`;
      throw new GloveboxError('model_key_missing', `${provider}:${model} needs a key: set ${keyVariable}. ${local}`, { details: { variable: keyVariable } });
    }
    return { provider, model, key: key ?? PLACEHOLDER_KEY, keyIsSet: key !== undefined, keyVariable, baseUrlVariable, baseUrl };
  }

  #key(variable: string): string | undefined {
    const key = this.#variable(variable);
    // It would fail as a header, with an error that may repeat it.
    if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
      throw new GloveboxError('config_invalid', `${variable} has characters in it that no key has.`, { details: { variable } });
    }
    return key;
  }

  #baseUrl(variable: string): string | undefined {
    const text = this.#variable(variable);
    const url = text === undefined ? undefined : URL.parse(text);
    // A password in it would be shown wherever the address is; no client of ours would send it either.
    if (url === null || (url !== undefined && (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== ''))) {
      const message = `${variable} must be an http or https address without a user name.`;
      throw new GloveboxError('config_invalid', message, { details: { variable } });
    }
    return text;
  }

  /** Blank counts as not set. */
  #variable(name: string): string | undefined {
    return this.#options.env[name]?.trim() || undefined;
  }
}

function unknown(name: string): GloveboxError {
  return new GloveboxError('model_unknown', `"${name}" names no model. Write ${FORMS}.`, { details: { model: name } });
}

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal });
}
