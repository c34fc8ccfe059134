import { describe, expect, test } from 'vitest';
import { ModelServer } from '../support/model-server/model-server.ts';
import { modelAt, next, requestOf, task, tools } from '../support/model-server/conversation.ts';

const model55 = 'openai:gpt-5.5';

describe('openai', () => {
  test('offers its own shell and apply_patch, other tools as functions, strict where the schema allows, and no editor', async () => {
    await using server = await ModelServer.start({ text: 'Hello.' });
    await (await modelAt(server, model55)).complete(requestOf(task));
    expect(server.requests[0]?.body).toMatchObject({
      instructions: 'You fix code.',
      input: [{ role: 'user', content: 'Fix the bug.' }],
      store: false,
      include: ['reasoning.encrypted_content'],
      tools: [
        { type: 'shell', environment: { type: 'local' } },
        { type: 'apply_patch' },
        { type: 'function', name: 'submit', strict: true, parameters: tools[3]?.input },
      ],
    });
  });

  test('a shell call becomes our shell tool, and each of its commands has its own result', async () => {
    await using server = await ModelServer.start(
      { thinking: 'Hm.', text: 'Looking.', calls: [{ name: 'shell', input: { commands: ['ls', 'cat a'], timeout_ms: 5000, max_output_length: 4096 } }] },
      { text: 'Done.' },
    );
    const model = await modelAt(server, model55);
    const first = requestOf(task);
    const reply = await model.complete(first);
    expect(reply).toMatchObject({ text: 'Looking.', stop: 'tools' });
    expect(reply.calls).toEqual([{ id: 'call_1_1', name: 'shell', input: { commands: ['ls', 'cat a'], timeout_ms: 5000, max_output_length: 4096 } }]);

    const data = [
      { stdout: 'a\n', stderr: '', outcome: { type: 'exit', exit_code: 0 } },
      { stdout: '', stderr: 'slow', outcome: { type: 'timeout' } },
    ];
    await model.complete(next(first, reply, { callId: 'call_1_1', tool: 'shell', ok: true, text: 'a slow', data }));
    expect(server.requests[1]?.body.input.slice(1)).toEqual([
      { type: 'reasoning', id: 'rs_1_0', summary: [], encrypted_content: 'encrypted:Hm.' },
      { type: 'message', id: 'msg_1_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Looking.', annotations: [] }] },
      {
        type: 'shell_call',
        id: 'call_1_2',
        call_id: 'call_1_1',
        status: 'completed',
        action: { commands: ['ls', 'cat a'], timeout_ms: 5000, max_output_length: 4096 },
        environment: { type: 'local' },
      },
      { type: 'shell_call_output', call_id: 'call_1_1', output: data, max_output_length: 4096 },
    ]);
  });

  test('a shell call that ran nothing is answered with the reason, as a command that could not be executed', async () => {
    await using server = await ModelServer.start({ calls: [{ name: 'shell', input: { commands: ['ls'] } }] }, { text: 'Done.' });
    const model = await modelAt(server, model55);
    const first = requestOf(task);
    const reply = await model.complete(first);
    await model.complete(next(first, reply, { callId: 'call_1_1', tool: 'shell', ok: false, text: 'denied by policy' }));
    expect(server.requests[1]?.body.input.at(-1)).toEqual({
      type: 'shell_call_output',
      call_id: 'call_1_1',
      output: [{ stdout: '', stderr: 'denied by policy', outcome: { type: 'exit', exit_code: 126 } }],
    });
  });

  test('commands that ended without an exit code have the shell’s own for it, and stderr says how it was', async () => {
    await using server = await ModelServer.start({ calls: [{ name: 'shell', input: { commands: ['a', 'b'] } }] }, { text: 'Done.' });
    const model = await modelAt(server, model55);
    const first = requestOf(task);
    const reply = await model.complete(first);
    const data = [
      { stdout: '', stderr: '[killed: out of memory]', outcome: { type: 'memory' } },
      { stdout: '', stderr: '[not started: ENOENT]', outcome: { type: 'not_started' } },
    ];
    await model.complete(next(first, reply, { callId: 'call_1_1', tool: 'shell', ok: false, text: '…', data }));
    expect(server.requests[1]?.body.input.at(-1).output).toEqual([
      { ...data[0], outcome: { type: 'exit', exit_code: 128 } },
      { ...data[1], outcome: { type: 'exit', exit_code: 126 } },
    ]);
  });

  test('patches become our apply_patch tool, and go back as done or failed', async () => {
    const update = { type: 'update_file', path: 'a.js', diff: '@@\n-1\n+2\n' };
    const remove = { type: 'delete_file', path: 'b.js' };
    await using server = await ModelServer.start(
      { calls: [{ name: 'apply_patch', input: { operation: update } }, { name: 'apply_patch', input: { operation: remove } }] },
      { text: 'Done.' },
    );
    const model = await modelAt(server, model55);
    const first = requestOf(task);
    const reply = await model.complete(first);
    expect(reply.calls).toEqual([
      { id: 'call_1_1', name: 'apply_patch', input: { operation: update } },
      { id: 'call_1_2', name: 'apply_patch', input: { operation: remove } },
    ]);
    const outcomes = [
      { callId: 'call_1_1', tool: 'apply_patch', ok: true, text: 'done' },
      { callId: 'call_1_2', tool: 'apply_patch', ok: false, text: 'no such file' },
    ];
    await model.complete(next(first, reply, ...outcomes));
    expect(server.requests[1]?.body.input.slice(-2)).toEqual([
      { type: 'apply_patch_call_output', call_id: 'call_1_1', status: 'completed', output: 'done' },
      { type: 'apply_patch_call_output', call_id: 'call_1_2', status: 'failed', output: 'no such file' },
    ]);
  });

  test('functions are called in parallel, and answered as functions', async () => {
    await using server = await ModelServer.start({ calls: [{ name: 'submit', input: { summary: 'a' } }, { name: 'submit', json: '{"summary": ' }] }, { text: 'Ok.' });
    const model = await modelAt(server, model55);
    const first = requestOf(task);
    const reply = await model.complete(first);
    expect(reply.calls).toEqual([
      { id: 'call_1_1', name: 'submit', input: { summary: 'a' } },
      { id: 'call_1_2', name: 'submit', input: {}, malformed: '{"summary": ' },
    ]);
    await model.complete(next(first, reply, { callId: 'call_1_1', tool: 'submit', ok: true, text: 'fine' }));
    expect(server.requests[1]?.body.input.slice(-2)).toEqual([
      { type: 'function_call_output', call_id: 'call_1_1', output: 'fine' },
      { type: 'function_call_output', call_id: 'call_1_2', output: 'This call was not run.' },
    ]);
  });

  test('usage keeps cached input and reasoning apart, and the cost is the sum of their prices', async () => {
    await using server = await ModelServer.start({ text: 'Hi.', usage: { input: 1000, cacheRead: 2000, output: 50, reasoning: 40 } });
    const reply = await (await modelAt(server, model55)).complete(requestOf(task));
    expect(reply.usage).toEqual({ inputTokens: 1000, outputTokens: 50, cacheReadTokens: 2000, cacheWriteTokens: 0, reasoningTokens: 40 });
    // Per million: input 5, cached 0.5, output 30.
    expect(reply.usd).toBeCloseTo((1000 * 5 + 2000 * 0.5 + 50 * 30) / 1e6, 10);
  });

  test('tokens written to the cache have a class and a price of their own', async () => {
    await using server = await ModelServer.start({ text: 'Hi.', usage: { input: 1000, cacheWrite: 400, output: 50 } });
    const reply = await (await modelAt(server, 'openai:gpt-6-astra')).complete(requestOf(task));
    expect(reply.usage).toMatchObject({ inputTokens: 1000, cacheWriteTokens: 400 });
    expect(reply.usd).toBeCloseTo((1000 * 10 + 400 * 12.5 + 50 * 50) / 1e6, 10);
  });

  test('text is handed on as it streams', async () => {
    await using server = await ModelServer.start({ text: 'Streaming along.' });
    const deltas: string[] = [];
    await (await modelAt(server, model55)).complete(requestOf(task), { onText: (delta) => deltas.push(delta) });
    expect(deltas).toEqual(['Streamin', 'g along.']);
  });

  test('a command in which an answer was cut is not run, however whole it looks', async () => {
    await using server = await ModelServer.start({ calls: [{ name: 'shell', input: { commands: ['rm -rf build'] } }], stop: 'cut' });
    const reply = await (await modelAt(server, model55)).complete(requestOf(task));
    expect(reply.stop).toBe('cut');
    expect(reply.calls).toEqual([{ id: 'call_1_1', name: 'shell', input: {}, malformed: '{"commands":["rm -rf build"]}' }]);
  });

  test('reasoning in which an answer was cut is not sent back, for nothing follows it', async () => {
    await using server = await ModelServer.start({ thinking: 'on and on', stop: 'cut' }, { text: 'Ok.' });
    const model = await modelAt(server, model55);
    const first = requestOf(task);
    const reply = await model.complete(first);
    expect(reply).toMatchObject({ stop: 'cut', text: '', calls: [] });
    await model.complete(next(first, reply));
    expect(server.requests[1]?.body.input).toEqual([{ role: 'user', content: 'Fix the bug.' }]);
  });

  test('a filtered answer is a refusal', async () => {
    await using server = await ModelServer.start({ text: 'I', stop: 'refused' });
    expect((await (await modelAt(server, model55)).complete(requestOf(task))).stop).toBe('refused');
  });

  test('a model that does not reason is asked without encrypted reasoning from then on', async () => {
    await using server = await ModelServer.start({ status: 400, message: 'Encrypted content is not supported with this model.' }, { text: 'One.' }, { text: 'Two.' });
    const model = await modelAt(server, 'openai:gpt-4.1');
    expect((await model.complete(requestOf(task))).text).toBe('One.');
    await model.complete(requestOf(task));
    expect(server.requests.map((request) => 'include' in request.body)).toEqual([true, false, false]);
    expect(model.waits).toEqual([]);
  });

  test('a failure that the provider reports in its stream is the same error as outside of it', async () => {
    await using server = await ModelServer.start({ failsInside: { code: 'invalid_prompt', message: 'no' } });
    await expect((await modelAt(server, model55)).complete(requestOf(task))).rejects.toMatchObject({ code: 'model_rejected' });
  });
});
