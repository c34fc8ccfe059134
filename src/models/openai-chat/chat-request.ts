import type { OpenAI } from 'openai';
import { z } from 'zod';
import type { Message, ModelReply, ModelRequest } from '../../contracts/index.ts';
import { keptOf, withEveryCallAnswered } from '../history.ts';
import { argumentsObject } from '../tool-arguments.ts';

type ChatMessage = OpenAI.Chat.ChatCompletionMessageParam;

/** What is kept of an answer beyond text and calls: the reasoning, under the name that the server has for it. */
const keptReasoning = z.object({ reasoning_content: z.string().optional(), reasoning: z.string().optional() });

export interface ChatDialect {
  /** OpenAI's newer models know only `max_completion_tokens`, other servers often only `max_tokens`. */
  readonly outputLimit: 'max_tokens' | 'max_completion_tokens';
  /** Whether the server takes `stream_options`. */
  readonly streamOptions: boolean;
}

/** The Chat Completions request for one of ours: every tool as a function, but for `apply_patch`, for which there is `edit`. */
export function chatRequest(model: string, request: ModelRequest, dialect: ChatDialect): OpenAI.Chat.ChatCompletionCreateParamsStreaming {
  const tools = request.tools
    .filter((tool) => tool.native !== 'patch')
    .map((tool) => ({ type: 'function' as const, function: { name: tool.name, description: tool.description, parameters: { ...tool.input } } }));
  return {
    model,
    messages: [{ role: 'system', content: request.system }, ...withEveryCallAnswered(request.messages).flatMap(chatMessages)],
    [dialect.outputLimit]: request.maxOutputTokens,
    stream: true,
    ...(dialect.streamOptions ? { stream_options: { include_usage: true } } : {}),
    // An empty list is refused by some servers.
    ...(tools.length > 0 ? { tools } : {}),
    ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
  };
}

function chatMessages(message: Message): ChatMessage[] {
  switch (message.role) {
    case 'user':
      return [{ role: 'user', content: message.text }];
    case 'tools':
      return message.outcomes.map((outcome) => ({ role: 'tool', tool_call_id: outcome.callId, content: outcome.text }));
    case 'assistant':
      return [assistantMessage(message.reply)];
  }
}

/** Written from our text and calls: many servers put arguments through a template that fails on what is not JSON. */
function assistantMessage(reply: ModelReply): ChatMessage {
  const calls = reply.calls.map((call) => ({
    id: call.id,
    type: 'function' as const,
    function: { name: call.name, arguments: JSON.stringify(argumentsObject(call)) },
  }));
  return {
    ...keptOf(reply, 'openai-chat', keptReasoning),
    role: 'assistant',
    content: reply.text,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}
