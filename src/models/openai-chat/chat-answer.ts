import { z } from 'zod';
import type { ModelReply, ToolCall, Usage } from '../../contracts/index.ts';
import { BrokenAnswer } from '../failure.ts';
import { callFromText } from '../tool-arguments.ts';

const text = z.string().nullish();
const toolCall = z.looseObject({
  index: z.number().int().nonnegative().nullish(),
  id: text,
  function: z
    .looseObject({
      name: text,
      // Text by the protocol; some servers send the object.
      arguments: z.union([z.string(), z.looseObject({}).transform((value) => JSON.stringify(value))]).nullish(),
    })
    .nullish(),
});
const message = z.looseObject({ content: text, refusal: text, reasoning_content: text, reasoning: text, tool_calls: z.array(toolCall).nullish() });
const choice = z.looseObject({ delta: message.nullish(), message: message.nullish(), finish_reason: text });
const count = z.number().nonnegative();
const usageSchema = z.looseObject({
  prompt_tokens: count,
  completion_tokens: count,
  prompt_tokens_details: z.looseObject({ cached_tokens: count.nullish(), cache_write_tokens: count.nullish() }).nullish(),
  completion_tokens_details: z.looseObject({ reasoning_tokens: count.nullish() }).nullish(),
});
/** A chunk of a stream, or the whole answer of a server that does not stream: they differ only in `delta` and `message`. */
const chunkSchema = z.looseObject({ choices: z.array(choice).default([]), usage: usageSchema.nullish().catch(undefined) });

interface GrowingCall {
  id: string;
  name: string;
  json: string;
}

/** Puts an answer together from its chunks, from servers that follow the protocol more or less. */
export class ChatAnswer {
  readonly #calls: GrowingCall[] = [];
  /** Where an index that a server gave stands in our list. */
  readonly #places = new Map<number, number>();
  readonly #idPrefix: string;
  #text = '';
  #refusal = '';
  readonly #reasoning: { reasoning_content?: string; reasoning?: string } = {};
  #finish: string | undefined;
  #usage: z.output<typeof usageSchema> | undefined;

  /** `idPrefix` begins the ids of calls that came without one; it must differ from answer to answer. */
  constructor(idPrefix: string) {
    this.#idPrefix = idPrefix;
  }

  /** Takes the next chunk; gives the text that it adds. */
  add(raw: unknown): string {
    const chunk = chunkSchema.parse(raw);
    if (chunk.usage != null) this.#usage = chunk.usage;
    const [first] = chunk.choices;
    if (first === undefined) return '';
    if (first.finish_reason != null && first.finish_reason !== '') this.#finish = first.finish_reason;
    const part = first.delta ?? first.message;
    for (const call of part?.tool_calls ?? []) this.#addCall(call);
    for (const name of ['reasoning_content', 'reasoning'] as const) {
      if (part?.[name]) this.#reasoning[name] = `${this.#reasoning[name] ?? ''}${part[name]}`;
    }
    this.#refusal += part?.refusal ?? '';
    this.#text += part?.content ?? '';
    return `${part?.content ?? ''}${part?.refusal ?? ''}`;
  }

  get hasContent(): boolean {
    return this.#text !== '' || this.#refusal !== '' || this.#calls.length > 0 || Object.keys(this.#reasoning).length > 0;
  }

  /** What is worth sending back beyond text and calls. */
  get reasoning(): { readonly reasoning_content?: string; readonly reasoning?: string } {
    return this.#reasoning;
  }

  /** Everything that the model wrote, for estimating what it cost. */
  get written(): string {
    const calls = this.#calls.map((call) => `${call.name}${call.json}`).join('');
    return `${this.#text}${this.#refusal}${calls}${Object.values(this.#reasoning).join('')}`;
  }

  /** What was said, called and used; no usage where the server gave none, or zeros for an answer that has content. */
  finish(): Pick<ModelReply, 'text' | 'calls' | 'stop'> & { usage: Usage | undefined } {
    const cut = this.#finish === 'length';
    const calls = this.#calls.map((call, index) => this.#whole(call, index, cut && index === this.#calls.length - 1));
    // Some servers never give a reason to finish. An end without one is believed when what came can be used.
    if (this.#finish === undefined && (!this.hasContent || calls.some((call) => call.malformed !== undefined))) {
      throw new BrokenAnswer('the stream ended without a reason to finish');
    }
    const stop = this.#stop(cut, calls);
    return { text: `${this.#text}${this.#refusal}`, calls, stop, usage: this.#usage === undefined ? undefined : billed(this.#usage) };
  }

  #stop(cut: boolean, calls: readonly ToolCall[]): ModelReply['stop'] {
    if (cut) return 'cut';
    if (this.#finish === 'content_filter' || this.#refusal !== '') return 'refused';
    return calls.length > 0 ? 'tools' : 'done';
  }

  #whole(call: GrowingCall, index: number, cutHere: boolean): ToolCall {
    const id = call.id === '' ? `${this.#idPrefix}_${index + 1}` : call.id;
    const whole = callFromText(id, call.name, call.json);
    return cutHere && call.json === '' ? { ...whole, malformed: '' } : whole;
  }

  #addCall(part: z.output<typeof toolCall>): void {
    const call = this.#place(part);
    if (call.id === '') call.id = part.id ?? '';
    if (call.name === '') call.name = part.function?.name ?? '';
    call.json += part.function?.arguments ?? '';
  }

  /** The call that a piece belongs to. A piece with another id begins another call, even under the same index. */
  #place(part: z.output<typeof toolCall>): GrowingCall {
    const at = part.index == null ? this.#calls.length - 1 : this.#places.get(part.index);
    const known = at === undefined ? undefined : this.#calls[at];
    const begins = part.index == null && Boolean(part.function?.name);
    if (known !== undefined && !begins && (!part.id || known.id === '' || part.id === known.id)) return known;
    const fresh: GrowingCall = { id: '', name: '', json: '' };
    this.#calls.push(fresh);
    if (part.index != null) this.#places.set(part.index, this.#calls.length - 1);
    return fresh;
  }
}

function billed(usage: z.output<typeof usageSchema>): Usage | undefined {
  if (usage.prompt_tokens === 0 || usage.completion_tokens === 0) return undefined;
  const cacheReadTokens = usage.prompt_tokens_details?.cached_tokens ?? 0;
  const cacheWriteTokens = usage.prompt_tokens_details?.cache_write_tokens ?? 0;
  return {
    inputTokens: Math.max(0, usage.prompt_tokens - cacheReadTokens - cacheWriteTokens),
    outputTokens: usage.completion_tokens,
    cacheReadTokens,
    cacheWriteTokens,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}
