import type { OpenAI } from 'openai';
import { z } from 'zod';
import type { ModelReply, ToolCall, Usage } from '../../contracts/index.ts';
import { BrokenAnswer, FailedAnswer } from '../failure.ts';
import { callFromText } from '../tool-arguments.ts';

type Event = OpenAI.Responses.ResponseStreamEvent;

const count = z.number().int().nonnegative();
const usageSchema = z.looseObject({
  input_tokens: count,
  output_tokens: count,
  input_tokens_details: z.looseObject({ cached_tokens: count.nullish(), cache_write_tokens: count.nullish() }).nullish(),
  output_tokens_details: z.looseObject({ reasoning_tokens: count.nullish() }).nullish(),
});
const itemSchema = z.looseObject({ type: z.string(), status: z.string().nullish() });
type OutputItem = z.output<typeof itemSchema>;

const endSchema = z.looseObject({
  status: z.enum(['completed', 'incomplete', 'failed', 'cancelled', 'in_progress', 'queued']),
  output: z.array(itemSchema).default([]),
  incomplete_details: z.looseObject({ reason: z.string().nullish() }).nullish(),
  error: z.looseObject({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
  usage: usageSchema.nullish(),
});

const messageItem = z.looseObject({ content: z.array(z.looseObject({ type: z.string(), text: z.string().optional(), refusal: z.string().optional() })) });
const functionItem = z.looseObject({ call_id: z.string(), name: z.string(), arguments: z.string() });
const shellItem = z.looseObject({
  call_id: z.string(),
  action: z.looseObject({ commands: z.array(z.string()), timeout_ms: z.number().nullish(), max_output_length: z.number().nullish() }),
});
const patchItem = z.looseObject({
  call_id: z.string(),
  operation: z.looseObject({ type: z.string(), path: z.string(), diff: z.string().nullish() }),
});

/** Puts an answer together from its stream of events. */
export class ResponsesAnswer {
  readonly #items: OutputItem[] = [];
  #end: z.output<typeof endSchema> | undefined;

  /** Takes the next event; gives the text that it adds. Throws where the provider says that it failed. */
  add(event: Event): string {
    switch (event.type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        return event.delta;
      case 'response.output_item.done':
        // Only here is a reasoning item's encrypted content complete.
        this.#items[event.output_index] = itemSchema.parse(event.item);
        return '';
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        this.#end = endSchema.parse(event.response);
        if (this.#end.status === 'failed') {
          throw new FailedAnswer(this.#end.error?.code ?? 'server_error', this.#end.error?.message ?? 'it gave no reason');
        }
        return '';
      default:
        return '';
    }
  }

  /** The items as they go back in the next request. */
  get items(): readonly OutputItem[] {
    const streamed = this.#items.filter((item) => item !== undefined);
    return streamed.length > 0 ? streamed : (this.#end?.output ?? []);
  }

  /** What was said, called and used. `native` gives our names of the provider's tools. Throws where the stream ended early. */
  finish(native: { readonly shell: string; readonly patch: string }): Pick<ModelReply, 'text' | 'calls' | 'stop' | 'usage'> {
    const end = this.#end;
    if (end === undefined) throw new BrokenAnswer('the connection was closed in the middle of it');
    const incomplete = end.status === 'incomplete' ? (end.incomplete_details?.reason ?? 'max_output_tokens') : undefined;
    const parts = this.items.filter((item) => item.type === 'message').flatMap((item) => messageItem.parse(item).content);
    const text = parts.map((part) => part.text ?? part.refusal ?? '').join('');
    const calls = this.items.flatMap((item) => callOf(item, native, incomplete !== undefined && item.status !== 'completed'));
    const refused = incomplete === 'content_filter' || parts.some((part) => part.type === 'refusal');
    return { text, calls, stop: stopOf(refused, incomplete !== undefined, calls), usage: billed(end.usage) };
  }
}

function stopOf(refused: boolean, incomplete: boolean, calls: readonly ToolCall[]): ModelReply['stop'] {
  if (refused) return 'refused';
  if (incomplete) return 'cut';
  return calls.length > 0 ? 'tools' : 'done';
}

/** `cut`: the item is not whole. A command or a patch of which the end is missing must not be run, however good it looks. */
function callOf(item: OutputItem, native: { readonly shell: string; readonly patch: string }, cut: boolean): ToolCall[] {
  switch (item.type) {
    case 'function_call': {
      const call = functionItem.parse(item);
      return [callFromText(call.call_id, call.name, call.arguments, !cut)];
    }
    case 'shell_call': {
      const { call_id: id, action } = shellItem.parse(item);
      const { commands, timeout_ms: timeout, max_output_length: length } = action;
      const limits = { ...(timeout == null ? {} : { timeout_ms: timeout }), ...(length == null ? {} : { max_output_length: length }) };
      return [nativeCall(id, native.shell, { commands, ...limits }, cut)];
    }
    case 'apply_patch_call': {
      const { call_id: id, operation } = patchItem.parse(item);
      const { type, path, diff } = operation;
      return [nativeCall(id, native.patch, { operation: { type, path, ...(diff == null ? {} : { diff }) } }, cut)];
    }
    default:
      return [];
  }
}

function nativeCall(id: string, name: string, input: unknown, cut: boolean): ToolCall {
  return cut ? callFromText(id, name, JSON.stringify(input), false) : { id, name, input };
}

/** The provider counts cached input and reasoning as parts of input and output; ours are apart, but for reasoning. */
function billed(usage: z.output<typeof usageSchema> | null | undefined): Usage {
  if (usage == null) throw new SyntaxError('no usage came with the answer');
  const cacheReadTokens = usage.input_tokens_details?.cached_tokens ?? 0;
  const cacheWriteTokens = usage.input_tokens_details?.cache_write_tokens ?? 0;
  return {
    inputTokens: Math.max(0, usage.input_tokens - cacheReadTokens - cacheWriteTokens),
    outputTokens: usage.output_tokens,
    cacheReadTokens,
    cacheWriteTokens,
    reasoningTokens: usage.output_tokens_details?.reasoning_tokens ?? 0,
  };
}
