import type { OpenAI } from 'openai';
import { z } from 'zod';
import type { Message, ModelReply, ModelRequest, ToolDescription, ToolOutcome } from '../../contracts/index.ts';
import { keptOf, withEveryCallAnswered } from '../history.ts';
import { argumentsObject } from '../tool-arguments.ts';
import { canBeStrict } from './strict-schema.ts';

type Item = OpenAI.Responses.ResponseInputItem;

const keptItems = z.array(z.looseObject({ type: z.string(), call_id: z.string().optional() }));
type KeptItems = z.output<typeof keptItems>;

/**
 * The item has no word for a command that ended without an exit code, and wants a code. These are the shell's own: 126 for
 * what could not be executed, 128 for what did not end by itself. How it really went stands on stderr.
 */
const NOT_RUN = { type: 'exit', exit_code: 126 } as const;
const NO_CODE = { type: 'exit', exit_code: 128 } as const;

/** What our shell tool says of each of its commands, in `ToolOutcome.data`. */
const shellParts = z.array(
  z.object({
    stdout: z.string(),
    stderr: z.string(),
    outcome: z.union([
      z.object({ type: z.literal('exit'), exit_code: z.number().int() }),
      z.object({ type: z.literal('timeout') }),
      z.object({ type: z.enum(['policy', 'not_started']) }).transform(() => NOT_RUN),
      z.object({ type: z.string() }).transform(() => NO_CODE),
    ]),
  }),
);

/** The Responses request for one of ours. The history is ours alone: nothing is stored there. */
export function responsesRequest(model: string, request: ModelRequest, encryptedReasoning: boolean): OpenAI.Responses.ResponseCreateParamsStreaming {
  const tools = request.tools.filter((tool) => tool.native !== 'edit').map(toolParam);
  return {
    model,
    instructions: request.system,
    input: input(withEveryCallAnswered(request.messages)),
    max_output_tokens: request.maxOutputTokens,
    store: false,
    stream: true,
    // Without it, and with nothing stored, a model would forget its reasoning between two tool calls.
    ...(encryptedReasoning ? { include: ['reasoning.encrypted_content'] } : {}),
    ...(tools.length > 0 ? { tools } : {}),
    ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
  };
}

/** Our names of the provider's own tools. */
export function nativeNames(tools: readonly ToolDescription[]): { readonly shell: string; readonly patch: string } {
  const named = (native: ToolDescription['native'], fallback: string) => tools.find((tool) => tool.native === native)?.name ?? fallback;
  return { shell: named('shell', 'shell'), patch: named('patch', 'apply_patch') };
}

function toolParam(tool: ToolDescription): OpenAI.Responses.Tool {
  if (tool.native === 'shell') return { type: 'shell', environment: { type: 'local' } };
  if (tool.native === 'patch') return { type: 'apply_patch' };
  return { type: 'function', name: tool.name, description: tool.description, parameters: { ...tool.input }, strict: canBeStrict(tool.input) };
}

function input(messages: readonly Message[]): Item[] {
  /** The item of each call in the history: its answer must be of the same kind. */
  const calls = new Map<string, KeptItems[number]>();
  return messages.flatMap((message): Item[] => {
    switch (message.role) {
      case 'user':
        return [{ role: 'user', content: message.text }];
      case 'tools':
        return message.outcomes.map((outcome) => outcomeItem(outcome, calls.get(outcome.callId)));
      case 'assistant': {
        const kept = keptOf(message.reply, 'openai', keptItems);
        for (const item of kept ?? []) if (item.call_id !== undefined) calls.set(item.call_id, item);
        // The cast: these are items that the provider sent.
        return kept === undefined ? writtenAnew(message.reply) : (withoutLooseReasoning(kept) as unknown as Item[]);
      }
    }
  });
}

/** A cut answer can end with reasoning that led to nothing: sent back without what should follow it, it is refused. */
function withoutLooseReasoning(items: KeptItems): KeptItems {
  return items.slice(0, items.findLastIndex((item) => item.type !== 'reasoning') + 1);
}

function writtenAnew(reply: ModelReply): Item[] {
  return [
    ...(reply.text === '' ? [] : [{ role: 'assistant' as const, content: reply.text }]),
    ...reply.calls.map((call) => ({
      type: 'function_call' as const,
      call_id: call.id,
      name: call.name,
      arguments: JSON.stringify(argumentsObject(call)),
    })),
  ];
}

function outcomeItem(outcome: ToolOutcome, call: KeptItems[number] | undefined): Item {
  switch (call?.type) {
    case 'shell_call': {
      const action = z.object({ max_output_length: z.number().nullish() }).safeParse(call['action']).data;
      const length = action?.max_output_length ?? undefined;
      return {
        type: 'shell_call_output',
        call_id: outcome.callId,
        output: shellOutput(outcome),
        // The provider wants the model's own limit back.
        ...(length === undefined ? {} : { max_output_length: length }),
      };
    }
    case 'apply_patch_call':
      return { type: 'apply_patch_call_output', call_id: outcome.callId, status: outcome.ok ? 'completed' : 'failed', output: outcome.text };
    default:
      return { type: 'function_call_output', call_id: outcome.callId, output: outcome.text };
  }
}

/** Each command's part; the reason alone for a call that ran no command (not allowed, not valid). */
function shellOutput(outcome: ToolOutcome): OpenAI.Responses.ResponseFunctionShellCallOutputContent[] {
  const parts = shellParts.safeParse(outcome.data).data;
  if (parts !== undefined && parts.length > 0) return parts;
  return outcome.ok
    ? [{ stdout: outcome.text, stderr: '', outcome: { type: 'exit', exit_code: 0 } }]
    : [{ stdout: '', stderr: outcome.text, outcome: NOT_RUN }];
}
