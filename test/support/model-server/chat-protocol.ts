import { callId, callJson, frame, halves, type Protocol, type RecordedRequest, type ScriptedAnswer, type ScriptedUsage } from './script.ts';

const FINISH = { cut: 'length', refused: 'content_filter', paused: 'stop' } as const;

/** OpenAI's Chat Completions: https://platform.openai.com/docs/api-reference/chat-streaming. */
export const chatProtocol: Protocol = {
  stream(answer, request) {
    const chunk = (delta: object, finish_reason: string | null = null) =>
      frame(undefined, { ...envelope(request, 'chat.completion.chunk'), choices: [{ index: 0, delta, finish_reason, logprobs: null }], usage: null });
    const frames = [chunk({ role: 'assistant', content: '' })];
    const contentAt = frames.length;
    for (const reasoning_content of halves(answer.thinking ?? '')) frames.push(chunk({ reasoning_content }));
    for (const content of halves(answer.text ?? '')) frames.push(chunk({ content }));
    calls(answer, request).forEach((call, index) => {
      frames.push(chunk({ tool_calls: [{ index, ...call, function: { name: call.function.name, arguments: '' } }] }));
      for (const part of halves(call.function.arguments)) frames.push(chunk({ tool_calls: [{ index, function: { arguments: part } }] }));
    });
    frames.push(chunk({}, finish(answer)));
    const said = request.body.stream_options?.include_usage === true ? usage(answer) : undefined;
    if (said !== undefined) frames.push(frame(undefined, { ...envelope(request, 'chat.completion.chunk'), choices: [], usage: said }));
    frames.push(frame(undefined, '[DONE]'));
    return { frames, contentAt };
  },
  whole(answer, request) {
    const tools = calls(answer, request);
    const message = { role: 'assistant', content: answer.text ?? null, ...(tools.length > 0 ? { tool_calls: tools } : {}) };
    return { ...envelope(request, 'chat.completion'), choices: [{ index: 0, message, finish_reason: finish(answer) }], usage: usage(answer) };
  },
  error(status, code, message) {
    return { error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', param: null, code: code ?? null } };
  },
  failureFrame(code, message) {
    return frame(undefined, { error: { message, code } });
  },
};

function envelope(request: RecordedRequest, object: string) {
  return { id: `chatcmpl-${request.number}`, object, created: 0, model: request.body.model };
}

function finish(answer: ScriptedAnswer): string {
  if (answer.stop !== undefined) return FINISH[answer.stop];
  return (answer.calls?.length ?? 0) > 0 ? 'tool_calls' : 'stop';
}

function calls(answer: ScriptedAnswer, request: RecordedRequest) {
  return (answer.calls ?? []).map((call, index) => ({
    id: callId(call, request, index, 'call'),
    type: 'function',
    function: { name: call.name, arguments: callJson(call) },
  }));
}

function usage(answer: ScriptedAnswer) {
  if (answer.usage === 'none') return undefined;
  const said: ScriptedUsage = answer.usage ?? {};
  const cached = said.cacheRead ?? 0;
  const prompt = (said.input ?? 100) + cached;
  const completion = said.output ?? 20;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: said.reasoning ?? 0 },
  };
}
