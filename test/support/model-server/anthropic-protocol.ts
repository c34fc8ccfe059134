import { callId, callJson, frame, halves, type Protocol, type RecordedRequest, type ScriptedAnswer, type ScriptedUsage } from './script.ts';

const NATIVE: Readonly<Record<string, string>> = { shell: 'bash', edit: 'str_replace_based_edit_tool' };
const STOP = { cut: 'max_tokens', refused: 'refusal', paused: 'pause_turn' } as const;
const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  500: 'api_error',
  529: 'overloaded_error',
};

/** Anthropic's Messages: https://docs.anthropic.com/en/api/messages-streaming. */
export const anthropicProtocol: Protocol = {
  stream(answer, request) {
    const frames = [send('message_start', { message: { ...envelope(request), content: [], stop_reason: null, usage: usage(answer, 1) } }), send('ping', {})];
    const contentAt = frames.length;
    blocks(answer, request).forEach(({ start, deltas }, index) => {
      frames.push(send('content_block_start', { index, content_block: start }));
      for (const delta of deltas) frames.push(send('content_block_delta', { index, delta }));
      frames.push(send('content_block_stop', { index }));
    });
    const { input_tokens: _, ...counts } = usage(answer);
    frames.push(send('message_delta', { delta: { stop_reason: stopReason(answer), stop_sequence: null }, usage: counts }), send('message_stop', {}));
    return { frames, contentAt };
  },
  whole(answer, request) {
    const content = blocks(answer, request).map(({ start, whole }) => ({ ...start, ...whole }));
    return { ...envelope(request), content, stop_reason: stopReason(answer), usage: usage(answer) };
  },
  error(status, code, message) {
    return { type: 'error', error: { type: code ?? TYPES[status] ?? 'api_error', message }, request_id: 'req_stand_in' };
  },
  failureFrame(code, message) {
    return send('error', { error: { type: code, message } });
  },
};

function send(type: string, data: object): string {
  return frame(type, { type, ...data });
}

function envelope(request: RecordedRequest) {
  return { id: `msg_${request.number}`, type: 'message', role: 'assistant', model: request.body.model, stop_sequence: null };
}

function stopReason(answer: ScriptedAnswer): string {
  if (answer.stop !== undefined) return STOP[answer.stop];
  return (answer.calls?.length ?? 0) > 0 ? 'tool_use' : 'end_turn';
}

function blocks(answer: ScriptedAnswer, request: RecordedRequest) {
  const all: { start: Record<string, unknown>; deltas: object[]; whole: object }[] = [];
  if (answer.thinking !== undefined) {
    const signature = `sig:${answer.thinking}`;
    const deltas = [...halves(answer.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })), { type: 'signature_delta', signature }];
    all.push({ start: { type: 'thinking', thinking: '', signature: '' }, deltas, whole: { thinking: answer.thinking, signature } });
  }
  if (answer.text !== undefined) {
    const deltas = halves(answer.text).map((text) => ({ type: 'text_delta', text }));
    all.push({ start: { type: 'text', text: '', citations: null }, deltas, whole: { text: answer.text } });
  }
  answer.calls?.forEach((call, index) => {
    const start = { type: 'tool_use', id: callId(call, request, index, 'toolu'), name: NATIVE[call.name] ?? call.name, input: {} };
    const deltas = ['', ...halves(callJson(call))].map((partial_json) => ({ type: 'input_json_delta', partial_json }));
    all.push({ start, deltas, whole: { input: call.input ?? {} } });
  });
  return all;
}

function usage(answer: ScriptedAnswer, output?: number) {
  const said: ScriptedUsage = answer.usage === undefined || answer.usage === 'none' ? {} : answer.usage;
  const counts = {
    input_tokens: said.input ?? 100,
    output_tokens: output ?? said.output ?? 20,
    cache_read_input_tokens: said.cacheRead ?? 0,
    cache_creation_input_tokens: (said.cacheWrite ?? 0) + (said.cacheWriteHour ?? 0),
    cache_creation: { ephemeral_5m_input_tokens: said.cacheWrite ?? 0, ephemeral_1h_input_tokens: said.cacheWriteHour ?? 0 },
  };
  const besides = said.besides && { iterations: [{ type: 'message', ...counts }, { type: 'compaction', input_tokens: said.besides.input, output_tokens: said.besides.output }] };
  return { ...counts, output_tokens_details: { thinking_tokens: said.reasoning ?? 0 }, service_tier: 'standard', ...besides };
}
