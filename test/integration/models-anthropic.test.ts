import { describe, expect, test } from 'vitest';
import { ModelServer } from '../support/model-server/model-server.ts';
import { modelAt, next, requestOf, task, tools } from '../support/model-server/conversation.ts';

const sonnet = 'anthropic:claude-sonnet-5';

describe('anthropic', () => {
  test('offers its own shell and editor, our other tools as they are, and no apply_patch', async () => {
    await using server = await ModelServer.start({ text: 'Hello.' });
    const model = await modelAt(server, sonnet);
    await model.complete(requestOf(task));
    expect(server.requests[0]?.body.tools).toEqual([
      { type: 'bash_20250124', name: 'bash' },
      { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool' },
      { name: 'submit', description: 'Ends the work.', input_schema: tools[3]?.input, cache_control: { type: 'ephemeral' } },
    ]);
  });

  test('calls of native tools come under our names, and their results go back in order with what failed marked', async () => {
    await using server = await ModelServer.start(
      { text: 'Let me look.', calls: [{ name: 'shell', input: { command: 'ls' } }, { name: 'edit', input: { command: 'view', path: '/workspace/a' } }] },
      { text: 'Done.' },
    );
    const model = await modelAt(server, sonnet);
    const first = requestOf(task);
    const reply = await model.complete(first);
    expect(reply).toMatchObject({ text: 'Let me look.', stop: 'tools' });
    expect(reply.calls).toEqual([
      { id: 'toolu_1_1', name: 'shell', input: { command: 'ls' } },
      { id: 'toolu_1_2', name: 'edit', input: { command: 'view', path: '/workspace/a' } },
    ]);

    const outcomes = [
      { callId: 'toolu_1_1', tool: 'shell', ok: true, text: 'a b' },
      { callId: 'toolu_1_2', tool: 'edit', ok: false, text: 'no such file' },
    ];
    const second = await model.complete(next(first, reply, ...outcomes));
    expect(second).toMatchObject({ text: 'Done.', calls: [], stop: 'done' });
    expect(server.requests[1]?.body.messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Fix the bug.' }] },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me look.', citations: null },
          { type: 'tool_use', id: 'toolu_1_1', name: 'bash', input: { command: 'ls' } },
          { type: 'tool_use', id: 'toolu_1_2', name: 'str_replace_based_edit_tool', input: { command: 'view', path: '/workspace/a' } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1_1', content: 'a b' },
          { type: 'tool_result', tool_use_id: 'toolu_1_2', content: 'no such file', is_error: true, cache_control: { type: 'ephemeral' } },
        ],
      },
    ]);
  });

  test('a call of the shell with restart, and no command, passes through', async () => {
    await using server = await ModelServer.start({ calls: [{ name: 'shell', input: { restart: true } }] });
    const reply = await (await modelAt(server, sonnet)).complete(requestOf(task));
    expect(reply.calls).toEqual([{ id: 'toolu_1_1', name: 'shell', input: { restart: true } }]);
  });

  test('thinking goes back as it came, signature and all', async () => {
    await using server = await ModelServer.start({ thinking: 'What is wrong here?', calls: [{ name: 'shell', input: { command: 'ls' } }] }, { text: 'Done.' });
    const model = await modelAt(server, sonnet);
    const first = requestOf(task);
    const reply = await model.complete(first);
    expect(reply.text).toBe('');
    await model.complete(next(first, reply, { callId: 'toolu_1_1', tool: 'shell', ok: true, text: '' }));
    expect(server.requests[1]?.body.messages[1].content[0]).toEqual({
      type: 'thinking',
      thinking: 'What is wrong here?',
      signature: 'sig:What is wrong here?',
    });
  });

  test('text is handed on as it streams', async () => {
    await using server = await ModelServer.start({ thinking: 'hidden', text: 'Streaming along.' });
    const deltas: string[] = [];
    await (await modelAt(server, sonnet)).complete(requestOf(task), { onText: (delta) => deltas.push(delta) });
    expect(deltas).toEqual(['Streamin', 'g along.']);
  });

  test('usage keeps every class of token apart, and the cost is the sum of their prices', async () => {
    await using server = await ModelServer.start({
      text: 'Hi.',
      usage: { input: 1000, output: 50, cacheRead: 2000, cacheWrite: 400, cacheWriteHour: 100, reasoning: 30 },
    });
    const reply = await (await modelAt(server, sonnet)).complete(requestOf(task));
    expect(reply.usage).toEqual({ inputTokens: 1000, outputTokens: 50, cacheReadTokens: 2000, cacheWriteTokens: 500, reasoningTokens: 30 });
    // Per million: input 2, cache read 0.2, write 2.5, write for an hour 4, output 10.
    expect(reply.usd).toBeCloseTo((1000 * 2 + 2000 * 0.2 + 400 * 2.5 + 100 * 4 + 50 * 10) / 1e6, 10);
  });

  test('tokens of side calls that the top-level counters leave out are counted', async () => {
    await using server = await ModelServer.start({ text: 'Hi.', usage: { input: 10, output: 5, besides: { input: 700, output: 60 } } });
    const reply = await (await modelAt(server, sonnet)).complete(requestOf(task));
    expect(reply.usage).toMatchObject({ inputTokens: 710, outputTokens: 65 });
  });

  test('a call whose input is not JSON is one malformed call, and goes back as an object', async () => {
    await using server = await ModelServer.start({ text: 'Hm.', calls: [{ name: 'shell', json: '{"command": "ls' }, { name: 'submit', input: { summary: 'x' } }] }, { text: 'Sorry.' });
    const model = await modelAt(server, sonnet);
    const first = requestOf(task);
    const reply = await model.complete(first);
    expect(reply.calls).toEqual([
      { id: 'toolu_1_1', name: 'shell', input: {}, malformed: '{"command": "ls' },
      { id: 'toolu_1_2', name: 'submit', input: { summary: 'x' } },
    ]);
    await model.complete(next(first, reply, { callId: 'toolu_1_1', tool: 'shell', ok: false, text: 'not JSON' }));
    expect(server.requests[1]?.body.messages[1].content[1].input).toEqual({ INVALID_JSON: '{"command": "ls' });
    expect(server.requests[1]?.body.messages[2].content).toMatchObject([
      { tool_use_id: 'toolu_1_1', content: 'not JSON' },
      { tool_use_id: 'toolu_1_2', content: 'This call was not run.', is_error: true },
    ]);
  });

  test('an answer that hits the limit is cut, and so is the call in which it was cut, even before its first character', async () => {
    await using server = await ModelServer.start({ text: 'Long', calls: [{ name: 'shell', json: '' }], stop: 'cut' });
    const reply = await (await modelAt(server, sonnet)).complete(requestOf(task));
    expect(reply).toMatchObject({ stop: 'cut', calls: [{ name: 'shell', malformed: '' }] });
  });

  test('a refusal and a paused turn are told apart from the end', async () => {
    await using server = await ModelServer.start({ text: '', stop: 'refused' }, { text: 'One moment', stop: 'paused' }, { text: ' more.' });
    const model = await modelAt(server, sonnet);
    const first = requestOf(task);
    const refused = await model.complete(first);
    expect(refused.stop).toBe('refused');
    const paused = await model.complete(next(first, refused));
    expect(paused).toMatchObject({ stop: 'done', text: 'One moment' });
    // An answer without content is not sent back; a paused turn is, as it is, which is how it goes on.
    await model.complete(next(next(first, refused), paused));
    expect(server.requests[2]?.body.messages.map((message: { role: string }) => message.role)).toEqual(['user', 'assistant']);
  });

  test('an answer of another provider is written anew', async () => {
    await using server = await ModelServer.start({ text: 'Mine.', calls: [{ id: 'call_7', name: 'shell', input: { command: 'ls' } }] }, { text: 'Done.' });
    const first = requestOf(task);
    const reply = await (await modelAt(server, 'openai-chat:any')).complete(first);
    await (await modelAt(server, sonnet)).complete(next(first, reply, { callId: 'call_7', tool: 'shell', ok: true, text: 'a' }));
    expect(server.requests[1]?.body.messages[1].content).toEqual([
      { type: 'text', text: 'Mine.' },
      { type: 'tool_use', id: 'call_7', name: 'shell', input: { command: 'ls' } },
    ]);
  });

  test('the system line and the last user turn are marked for the cache', async () => {
    await using server = await ModelServer.start({ text: 'Hi.' });
    await (await modelAt(server, sonnet)).complete(requestOf({ role: 'user', text: 'One.' }, { role: 'user', text: 'Two.' }));
    const { system, messages } = server.requests[0]!.body;
    expect(system).toEqual([{ type: 'text', text: 'You fix code.', cache_control: { type: 'ephemeral' } }]);
    expect(messages.map((message: { content: object[] }) => 'cache_control' in (message.content[0] ?? {}))).toEqual([false, true]);
  });
});
