import { hash } from 'node:crypto';
import type { ModelReply } from './model.ts';

/** As OpenTelemetry's semantic conventions for GenAI name what models are asked and answer. */
type GenAiAttributes = Readonly<Record<string, string | number | readonly string[]>>;

const FINISH: Readonly<Record<ModelReply['stop'], string>> = { done: 'stop', tools: 'tool_call', cut: 'length', refused: 'content_filter' };

/** Of `openai-chat:<model>`: by whom it is answered, and which it is. */
export function modelAttributes(name: string): GenAiAttributes {
  const colon = name.indexOf(':');
  // OpenAI's Chat Completions and Responses are the same provider.
  return { 'gen_ai.provider.name': name.slice(0, colon).replace('openai-chat', 'openai'), 'gen_ai.request.model': name.slice(colon + 1) };
}

/** Of an answer; tokens that were in a cache are among those of the input. */
export function answerAttributes({ usage, stop }: Pick<ModelReply, 'usage' | 'stop'>): GenAiAttributes {
  return {
    'gen_ai.response.finish_reasons': [FINISH[stop]],
    'gen_ai.usage.input_tokens': usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens,
    'gen_ai.usage.output_tokens': usage.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cacheReadTokens,
    'gen_ai.usage.cache_creation.input_tokens': usage.cacheWriteTokens,
    'gen_ai.usage.reasoning.output_tokens': usage.reasoningTokens,
  };
}

/** The trace of a run, or of a session without one: the same wherever it is told. 32 hexadecimal digits. */
export function traceIdOf(stream: string): string {
  return hash('sha256', stream).slice(0, 32);
}

/** A span of it, by what it is of: `run` is the whole, `command/<id>` a command. 16 hexadecimal digits. */
export function spanIdOf(stream: string, key: string): string {
  return hash('sha256', `${stream}/${key}`).slice(0, 16);
}
