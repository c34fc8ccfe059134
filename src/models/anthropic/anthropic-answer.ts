import type Anthropic from '@anthropic-ai/sdk';
import { z } from 'zod';
import type { ModelReply, ToolCall } from '../../contracts/index.ts';
import { BrokenAnswer } from '../failure.ts';
import type { BilledUsage } from '../prices.ts';
import { argumentsObject, callFromText } from '../tool-arguments.ts';

type Event = Anthropic.RawMessageStreamEvent;

/** A content block as it grows: whatever the provider put in, and the JSON text of a tool's input. */
interface GrowingBlock {
  readonly block: Record<string, unknown>;
  json: string;
}

const count = z.number().int().nonnegative();
const counts = z.looseObject({
  input_tokens: count.nullish(),
  output_tokens: count.nullish(),
  cache_read_input_tokens: count.nullish(),
  cache_creation_input_tokens: count.nullish(),
  cache_creation: z.looseObject({ ephemeral_1h_input_tokens: count.nullish() }).nullish(),
  output_tokens_details: z.looseObject({ thinking_tokens: count.nullish() }).nullish(),
});
const usageSchema = counts.extend({ iterations: z.array(counts).nullish() });

/**
 * Puts an answer together from its stream. The SDK's own accumulator throws away an answer whose tool input is not JSON;
 * here that is one call's trouble, for the model to repair.
 */
export class AnthropicAnswer {
  readonly #blocks: GrowingBlock[] = [];
  #usage: Record<string, unknown> = {};
  #stop: string | null = null;
  #complete = false;

  /** Takes the next event; gives the text that it adds. */
  add(event: Event): string {
    switch (event.type) {
      case 'message_start':
        this.#mergeUsage(event.message.usage);
        return '';
      case 'content_block_start':
        this.#blocks[event.index] = { block: { ...event.content_block }, json: '' };
        return event.content_block.type === 'text' ? event.content_block.text : '';
      case 'content_block_delta':
        return this.#grow(event.index, event.delta);
      case 'message_delta':
        this.#stop = event.delta.stop_reason;
        this.#mergeUsage(event.usage);
        return '';
      case 'message_stop':
        this.#complete = true;
        return '';
      default:
        return '';
    }
  }

  /** The blocks as they go back in the next request. */
  get content(): readonly Record<string, unknown>[] {
    return this.#blocks.map(({ block, json }, index) => {
      if (block['type'] !== 'tool_use') return block;
      return { ...block, input: json === '' ? (block['input'] ?? {}) : argumentsObject(this.#call(block, json, index)) };
    });
  }

  /** What was said, called and used. Throws where the stream ended before the answer did. */
  finish(): Pick<ModelReply, 'text' | 'calls' | 'stop'> & { usage: BilledUsage } {
    if (!this.#complete) throw new BrokenAnswer('the connection was closed in the middle of it');
    const text = this.#blocks.map(({ block }) => (block['type'] === 'text' ? String(block['text']) : '')).join('');
    const calls = this.#blocks.flatMap(({ block, json }, index) => (block['type'] === 'tool_use' ? [this.#call(block, json, index)] : []));
    return { text, calls, stop: this.#stopped(calls), usage: billed(this.#usage) };
  }

  #grow(index: number, delta: Anthropic.RawContentBlockDelta): string {
    const growing = this.#blocks[index];
    if (growing === undefined) throw new SyntaxError(`a delta for content block ${index}, which was not started`);
    const { block } = growing;
    switch (delta.type) {
      case 'text_delta':
        block['text'] = `${stringOf(block['text'])}${delta.text}`;
        return delta.text;
      case 'thinking_delta':
        block['thinking'] = `${stringOf(block['thinking'])}${delta.thinking}`;
        return '';
      case 'signature_delta':
        block['signature'] = delta.signature;
        return '';
      case 'input_json_delta':
        growing.json += delta.partial_json;
        return '';
      default:
        return '';
    }
  }

  #call(block: Record<string, unknown>, json: string, index: number): ToolCall {
    const { id, name } = z.looseObject({ id: z.string(), name: z.string() }).parse(block);
    const cutHere = this.#stop === 'max_tokens' && index === this.#blocks.length - 1;
    const call = callFromText(id, name, json);
    // Cut before its first character of input, a call looks like one without any.
    return cutHere && json === '' ? { ...call, malformed: '' } : call;
  }

  #stopped(calls: readonly ToolCall[]): ModelReply['stop'] {
    if (this.#stop === 'max_tokens' || this.#stop === 'model_context_window_exceeded') return 'cut';
    if (this.#stop === 'refusal') return 'refused';
    // `pause_turn` too: the next request sends the turn back as it is, which is how it goes on. Going on in here would be a second
    // call, paid for under the budget of one.
    return calls.length > 0 ? 'tools' : 'done';
  }

  /** Counters are totals so far, and left out where they do not apply. */
  #mergeUsage(usage: object | null | undefined): void {
    for (const [name, value] of Object.entries(usage ?? {})) if (value !== null) this.#usage[name] = value;
  }
}

/** The top-level counters leave out what compaction and other side calls used: `iterations` has them all, where it is given. */
function billed(raw: unknown): BilledUsage {
  const usage = usageSchema.parse(raw);
  const parts = usage.iterations != null && usage.iterations.length > 0 ? usage.iterations : [usage];
  const total = (of: (part: z.output<typeof counts>) => number | null | undefined) => parts.reduce((sum, part) => sum + (of(part) ?? 0), 0);
  return {
    inputTokens: total((part) => part.input_tokens),
    outputTokens: total((part) => part.output_tokens),
    cacheReadTokens: total((part) => part.cache_read_input_tokens),
    cacheWriteTokens: total((part) => part.cache_creation_input_tokens),
    cacheWriteHourTokens: total((part) => part.cache_creation?.ephemeral_1h_input_tokens),
    reasoningTokens: usage.output_tokens_details?.thinking_tokens ?? 0,
  };
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
