import { callId, callJson, frame, halves, type Protocol, type RecordedRequest, type ScriptedAnswer, type ScriptedCall, type ScriptedUsage } from './script.ts';

/** OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses-streaming. */
export const responsesProtocol: Protocol = {
  stream(answer, request) {
    const send = sender();
    const frames = [send('response.created', { response: envelope(request, 'in_progress') }), send('response.in_progress', { response: envelope(request, 'in_progress') })];
    const contentAt = frames.length;
    items(answer, request).forEach((item, output_index) => {
      frames.push(send('response.output_item.added', { output_index, item: { ...item, status: 'in_progress' } }));
      for (const { type, data } of deltas(item)) frames.push(send(type, { output_index, item_id: item['id'], ...data }));
      frames.push(send('response.output_item.done', { output_index, item }));
    });
    const response = responsesProtocol.whole(answer, request);
    frames.push(send(answer.stop === undefined ? 'response.completed' : 'response.incomplete', { response }));
    return { frames, contentAt };
  },
  whole(answer, request) {
    const incomplete = answer.stop === 'cut' ? 'max_output_tokens' : answer.stop === 'refused' ? 'content_filter' : undefined;
    return {
      ...envelope(request, incomplete === undefined ? 'completed' : 'incomplete'),
      output: items(answer, request),
      incomplete_details: incomplete === undefined ? null : { reason: incomplete },
      usage: usage(answer),
    };
  },
  error(status, code, message) {
    return { error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', param: null, code: code ?? null } };
  },
  failureFrame(code, message) {
    return sender()('response.failed', { response: { id: 'resp_failed', object: 'response', status: 'failed', output: [], error: { code, message } } });
  },
};

function sender() {
  let sequence_number = 0;
  return (type: string, data: object) => frame(type, { type, sequence_number: sequence_number++, ...data });
}

function envelope(request: RecordedRequest, status: string) {
  return { id: `resp_${request.number}`, object: 'response', created_at: 0, model: request.body.model, status, error: null, output: [] as unknown[], usage: null as unknown };
}

type Item = Record<string, unknown>;

function items(answer: ScriptedAnswer, request: RecordedRequest): Item[] {
  const all: Item[] = [];
  const id = (kind: string) => `${kind}_${request.number}_${all.length}`;
  if (answer.thinking !== undefined) all.push({ type: 'reasoning', id: id('rs'), summary: [], encrypted_content: `encrypted:${answer.thinking}` });
  if (answer.text !== undefined) {
    const content = [{ type: 'output_text', text: answer.text, annotations: [] }];
    all.push({ type: 'message', id: id('msg'), role: 'assistant', status: answer.stop === undefined ? 'completed' : 'incomplete', content });
  }
  answer.calls?.forEach((call, index) => {
    const last = index === (answer.calls?.length ?? 0) - 1;
    const status = answer.stop === 'cut' && last ? 'incomplete' : 'completed';
    all.push({ ...callItem(call), id: id('call'), call_id: callId(call, request, index, 'call'), status });
  });
  return all;
}

function callItem(call: ScriptedCall): Item {
  const input = call.input ?? {};
  if (call.name === 'shell' && call.json === undefined) {
    const commands = input['commands'] ?? [input['command']];
    const action = { commands, timeout_ms: input['timeout_ms'] ?? null, max_output_length: input['max_output_length'] ?? null };
    return { type: 'shell_call', action, environment: { type: 'local' } };
  }
  if (call.name === 'apply_patch' && call.json === undefined) return { type: 'apply_patch_call', operation: input['operation'] };
  return { type: 'function_call', name: call.name, arguments: callJson(call) };
}

function deltas(item: Item): { type: string; data: object }[] {
  if (item['type'] === 'message') {
    const [part] = item['content'] as { text: string }[];
    return halves(part?.text ?? '').map((delta) => ({ type: 'response.output_text.delta', data: { content_index: 0, delta, logprobs: [] } }));
  }
  if (item['type'] === 'function_call') {
    return halves(String(item['arguments'])).map((delta) => ({ type: 'response.function_call_arguments.delta', data: { delta } }));
  }
  return [];
}

function usage(answer: ScriptedAnswer) {
  if (answer.usage === 'none') return null;
  const said: ScriptedUsage = answer.usage ?? {};
  const cached = said.cacheRead ?? 0;
  const written = (said.cacheWrite ?? 0) + (said.cacheWriteHour ?? 0);
  const input = (said.input ?? 100) + cached + written;
  const output = said.output ?? 20;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached, cache_write_tokens: written },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: said.reasoning ?? 0 },
    total_tokens: input + output,
  };
}
