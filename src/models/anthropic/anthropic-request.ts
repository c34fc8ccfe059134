import type Anthropic from '@anthropic-ai/sdk';
import { z } from 'zod';
import type { Message, ModelReply, ModelRequest, ToolDescription } from '../../contracts/index.ts';
import { keptOf, withEveryCallAnswered } from '../history.ts';
import { argumentsObject } from '../tool-arguments.ts';

type Block = Anthropic.ContentBlockParam;
interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: Block[];
}

/** Where the provider may keep what comes up to here, for five minutes. It allows four such marks. */
const cacheControl = { type: 'ephemeral' } as const;

const keptBlocks = z.array(z.looseObject({ type: z.string() }));

/** The Messages request for one of ours. */
export function anthropicRequest(model: string, request: ModelRequest): Anthropic.MessageCreateParamsStreaming {
  const tools = offered(request.tools).map(toolParam);
  const lastTool = tools.at(-1);
  if (lastTool !== undefined) lastTool.cache_control = cacheControl;
  return {
    model,
    max_tokens: request.maxOutputTokens,
    system: [{ type: 'text', text: request.system, cache_control: cacheControl }],
    messages: cachedToTheEnd(withEveryCallAnswered(request.messages).map(turn).filter((each) => each.content.length > 0)),
    stream: true,
    ...(tools.length > 0 ? { tools } : {}),
    ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
  };
}

/** Our name of the tool that the provider calls so. */
export function ourToolName(wireName: string, tools: readonly ToolDescription[]): string {
  return offered(tools).find((tool) => toolParam(tool).name === wireName)?.name ?? wireName;
}

/** The editor does what `apply_patch` is for, and the model was trained on it. */
function offered(tools: readonly ToolDescription[]): ToolDescription[] {
  return tools.filter((tool) => tool.native !== 'patch');
}

type ToolParam = Anthropic.Tool | Anthropic.ToolBash20250124 | Anthropic.ToolTextEditor20250728;

function toolParam(tool: ToolDescription): ToolParam {
  if (tool.native === 'shell') return { type: 'bash_20250124', name: 'bash' };
  if (tool.native === 'edit') return { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool' };
  return { name: tool.name, description: tool.description, input_schema: { ...tool.input, type: 'object' } };
}

function turn(message: Message): Turn {
  switch (message.role) {
    case 'user':
      return { role: 'user', content: [{ type: 'text', text: message.text }] };
    case 'tools':
      return {
        role: 'user',
        content: message.outcomes.map((outcome) => ({
          type: 'tool_result',
          tool_use_id: outcome.callId,
          content: outcome.text,
          ...(outcome.ok ? {} : { is_error: true }),
        })),
      };
    case 'assistant':
      return { role: 'assistant', content: assistantBlocks(message.reply) };
  }
}

function assistantBlocks(reply: ModelReply): Block[] {
  const kept = keptOf(reply, 'anthropic', keptBlocks);
  // An empty text block comes now and then, and is refused when it comes back. The cast: these are blocks that the provider sent.
  if (kept !== undefined) return kept.filter((block) => block.type !== 'text' || block['text'] !== '') as unknown as Block[];
  return [
    ...(reply.text === '' ? [] : [{ type: 'text' as const, text: reply.text }]),
    ...reply.calls.map((call) => ({ type: 'tool_use' as const, id: call.id, name: call.name, input: argumentsObject(call) })),
  ];
}

/** Marks the end of the last user turn, so that the next request reads from the cache all that this one had. */
function cachedToTheEnd(turns: Turn[]): Turn[] {
  const block = turns.findLast((each) => each.role === 'user')?.content.at(-1);
  if (block?.type === 'text' || block?.type === 'tool_result') block.cache_control = cacheControl;
  return turns;
}
