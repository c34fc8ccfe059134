import { describe, expect, test } from 'vitest';
import { ModelServer } from '../support/model-server/model-server.ts';
import { modelAt, next, requestOf, task } from '../support/model-server/conversation.ts';

const any = 'openai-chat:any';

function events(...chunks: unknown[]): { contentType: string; body: string } {
  const body = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('');
  return { contentType: 'text/event-stream', body: `${body}data: [DONE]\n\n` };
}

function delta(part: object, finish_reason: string | null = null): object {
  return { choices: [{ index: 0, delta: part, finish_reason }] };
}

describe('openai-chat', () => {
  test('offers every tool as a function but apply_patch, and limits output in the way that other servers know', async () => {
    await using server = await ModelServer.start({ text: 'Hello.' });
    await (await modelAt(server, any)).complete(requestOf(task));
    const { body } = server.requests[0] ?? {};
    expect(body).toMatchObject({ model: 'any', max_tokens: 1000, stream: true, stream_options: { include_usage: true } });
    expect(body.messages).toEqual([{ role: 'system', content: 'You fix code.' }, { role: 'user', content: 'Fix the bug.' }]);
    expect(body.tools.map((tool: { function: { name: string } }) => tool.function.name)).toEqual(['shell', 'edit', 'submit']);
  });

  test('parallel calls come whole, and each has its own result message', async () => {
    await using server = await ModelServer.start(
      { thinking: 'Hm.', text: 'Looking.', calls: [{ name: 'shell', input: { command: 'ls' } }, { name: 'edit', input: { command: 'view', path: 'a' } }] },
      { text: 'Done.' },
    );
    const model = await modelAt(server, any);
    const first = requestOf(task);
    const reply = await model.complete(first);
    expect(reply).toMatchObject({ text: 'Looking.', stop: 'tools' });
    expect(reply.calls).toEqual([
      { id: 'call_1_1', name: 'shell', input: { command: 'ls' } },
      { id: 'call_1_2', name: 'edit', input: { command: 'view', path: 'a' } },
    ]);
    const outcomes = [
      { callId: 'call_1_1', tool: 'shell', ok: true, text: 'a' },
      { callId: 'call_1_2', tool: 'edit', ok: false, text: 'no' },
    ];
    expect(await model.complete(next(first, reply, ...outcomes))).toMatchObject({ text: 'Done.', stop: 'done' });
    expect(server.requests[1]?.body.messages.slice(2)).toEqual([
      {
        role: 'assistant',
        content: 'Looking.',
        reasoning_content: 'Hm.',
        tool_calls: [
          { id: 'call_1_1', type: 'function', function: { name: 'shell', arguments: '{"command":"ls"}' } },
          { id: 'call_1_2', type: 'function', function: { name: 'edit', arguments: '{"command":"view","path":"a"}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1_1', content: 'a' },
      { role: 'tool', tool_call_id: 'call_1_2', content: 'no' },
    ]);
  });

  test('arguments that are not JSON are a malformed call, and go back as JSON', async () => {
    await using server = await ModelServer.start({ calls: [{ name: 'shell', json: '{command: ls}' }] }, { text: 'Sorry.' });
    const model = await modelAt(server, any);
    const first = requestOf(task);
    const reply = await model.complete(first);
    expect(reply.calls).toEqual([{ id: 'call_1_1', name: 'shell', input: {}, malformed: '{command: ls}' }]);
    await model.complete(next(first, reply));
    expect(server.requests[1]?.body.messages[2].tool_calls[0].function.arguments).toBe('{"INVALID_JSON":"{command: ls}"}');
    expect(server.requests[1]?.body.messages[3]).toEqual({ role: 'tool', tool_call_id: 'call_1_1', content: 'This call was not run.' });
  });

  test('usage is the server’s own, with a price only where the bill is known', async () => {
    await using server = await ModelServer.start({ text: 'Hi.', usage: { input: 1000, cacheRead: 200, output: 50, reasoning: 7 } });
    const reply = await (await modelAt(server, 'openai-chat:gpt-5')).complete(requestOf(task));
    expect(reply.usage).toEqual({ inputTokens: 1000, outputTokens: 50, cacheReadTokens: 200, cacheWriteTokens: 0, reasoningTokens: 7 });
    expect(reply).not.toHaveProperty('usd');
    expect(reply.raw).not.toHaveProperty('estimated');
  });

  test('usage that a server does not give is estimated, and said to be', async () => {
    await using server = await ModelServer.start({ text: 'x'.repeat(400), usage: 'none' });
    const reply = await (await modelAt(server, any)).complete(requestOf(task));
    expect(reply.usage.outputTokens).toBe(100);
    expect(reply.usage.inputTokens).toBeGreaterThan(50);
    expect(reply.raw).toMatchObject({ estimated: true });
  });

  test('zeros for an answer that has content are not believed', async () => {
    const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    await using server = await ModelServer.start(events(delta({ content: 'Hello there.' }, 'stop'), { choices: [], usage }));
    const reply = await (await modelAt(server, any)).complete(requestOf(task));
    expect(reply.usage.outputTokens).toBe(3);
    expect(reply.raw).toMatchObject({ estimated: true });
  });

  test('a server that does not stream is read all the same', async () => {
    await using server = await ModelServer.start({ unstreamed: { text: 'All at once.', calls: [{ name: 'shell', input: { command: 'ls' } }] } });
    const deltas: string[] = [];
    const reply = await (await modelAt(server, any)).complete(requestOf(task), { onText: (text) => deltas.push(text) });
    expect(reply).toMatchObject({ text: 'All at once.', stop: 'tools', usage: { inputTokens: 100, outputTokens: 20 } });
    expect(reply.calls).toEqual([{ id: 'call_1_1', name: 'shell', input: { command: 'ls' } }]);
    expect(deltas).toEqual(['All at once.']);
  });

  test('a server that does not know stream_options is asked without them from then on', async () => {
    await using server = await ModelServer.start({ status: 400, message: 'Unknown parameter: stream_options' }, { text: 'One.' }, { text: 'Two.' });
    const model = await modelAt(server, any);
    expect((await model.complete(requestOf(task))).text).toBe('One.');
    await model.complete(requestOf(task));
    expect(server.requests.map((request) => 'stream_options' in request.body)).toEqual([true, false, false]);
  });

  test('calls without ids, with objects for arguments and without a reason to finish are understood', async () => {
    const calls = [
      { function: { name: 'shell', arguments: { command: 'ls' } } },
      { function: { name: 'submit', arguments: '' } },
    ];
    await using server = await ModelServer.start(events(...calls.map((call) => delta({ tool_calls: [call] }))));
    const reply = await (await modelAt(server, any)).complete(requestOf(task));
    expect(reply.stop).toBe('tools');
    expect(reply.calls).toEqual([
      { id: 'call_1_1', name: 'shell', input: { command: 'ls' } },
      { id: 'call_1_2', name: 'submit', input: {} },
    ]);
  });

  test('calls that share an index are told apart by their ids', async () => {
    const piece = (id: string, name: string, text: string) => delta({ tool_calls: [{ index: 0, id, function: { name, arguments: text } }] });
    await using server = await ModelServer.start(events(piece('a', 'shell', '{"command":"ls"}'), piece('b', 'submit', '{"summary":"x"}'), delta({}, 'stop')));
    const reply = await (await modelAt(server, any)).complete(requestOf(task));
    expect(reply.calls).toEqual([
      { id: 'a', name: 'shell', input: { command: 'ls' } },
      { id: 'b', name: 'submit', input: { summary: 'x' } },
    ]);
  });

  test('an answer that hits the limit is cut, and so is the call in which it was cut', async () => {
    await using server = await ModelServer.start({ text: 'Long', calls: [{ name: 'shell', json: '{"command": "l' }], stop: 'cut' });
    expect(await (await modelAt(server, any)).complete(requestOf(task))).toMatchObject({ stop: 'cut', calls: [{ malformed: '{"command": "l' }] });
  });

  test('a filtered answer is a refusal', async () => {
    await using server = await ModelServer.start({ text: 'I', stop: 'refused' });
    expect((await (await modelAt(server, any)).complete(requestOf(task))).stop).toBe('refused');
  });

  test('an error in the place of an answer, with status 200, is an error', async () => {
    await using server = await ModelServer.start({ contentType: 'application/json', body: '{"error": "out of memory"}' });
    const failing = (await modelAt(server, any, { timing: { attempts: 1 } })).complete(requestOf(task));
    await expect(failing).rejects.toMatchObject({ code: 'model_unavailable', message: expect.stringContaining('out of memory') });
  });
});
