import { expect, test } from 'vitest';
import { GloveboxError, type ModelRequest } from '../../../src/contracts/index.ts';
import { calling, policyOf, rig, ScriptedModel, tinyShell } from '../runs/rig.ts';

const submit = calling('submit', { summary: 'done' });

function lastText(request: ModelRequest | undefined): string {
  const last = request?.messages.at(-1);
  return last?.role === 'user' ? last.text : last?.role === 'tools' ? last.outcomes.map(({ text }) => text).join('\n') : '';
}

test('the first message is the task with its workflow, and what the tests said', async () => {
  const model = new ScriptedModel([submit]);
  await using at = rig({ interpreter: tinyShell, model });
  await at.runs.execute(await at.create({ task: 'Make a.txt good.' }));
  const [request] = model.requests;
  expect(request?.messages).toHaveLength(1);
  expect(lastText(request)).toMatch(/^# Task\nMake a\.txt good\.\n\n# How to work\n[\s\S]*The tests are run by `check`\. Before any change: they fail with exit code 1\.[\s\S]*submit/);
  expect(request?.tools.map(({ name }) => name)).toEqual(['shell', 'edit', 'apply_patch', 'python', 'node', 'run_js', 'submit']);
});

test('only tools that policy lets it call are offered to the model, and nothing is written for those that are not', async () => {
  const model = new ScriptedModel([submit]);
  const policy = policyOf((request) => (request.action === 'tool.call' && !['shell', 'submit'].includes(request.tool) ? { effect: 'deny', reason: { effect: 'deny', rule: 'tools.allow', text: 'not in the list' } } : undefined));
  await using at = rig({ interpreter: tinyShell, model, policy });
  const id = await at.create();
  await at.runs.execute(id);
  expect(model.requests[0]?.tools.map(({ name }) => name)).toEqual(['shell', 'submit']);
  const asked = (await at.events(id)).flatMap((event) => (event.type === 'decision' && event.data.request.action === 'tool.call' ? [event.data.request.tool] : []));
  expect(asked).toEqual(['submit']);
});

test('a call that cannot be parsed costs a step and is told', async () => {
  const model = new ScriptedModel([{ calls: [{ id: 'x', name: 'shell', input: undefined, malformed: '{"command":' }] }, { calls: [{ id: 'y', name: 'unknown', input: {} }] }, submit]);
  await using at = rig({ interpreter: tinyShell, model });
  expect((await at.runs.execute(await at.create())).steps).toBe(3);
  expect(lastText(model.requests[1])).toContain('not valid JSON');
  expect(lastText(model.requests[2])).toContain('no tool called "unknown"');
});

test('a cut answer is told to go on shorter', async () => {
  const model = new ScriptedModel([{ text: 'very long', stop: 'cut' }, submit]);
  await using at = rig({ interpreter: tinyShell, model });
  await at.runs.execute(await at.create());
  expect(lastText(model.requests[1])).toContain('cut off');
});

test('three answers in a row without a call end the run, and what was changed is still judged', async () => {
  const model = new ScriptedModel([calling('shell', { command: 'set a.txt good' }), { text: 'I am done.' }, { text: 'Done.' }, { text: 'Really.' }, submit]);
  await using at = rig({ interpreter: tinyShell, model });
  const summary = await at.runs.execute(await at.create());
  expect(summary).toMatchObject({ outcome: 'fixed', steps: 4, detail: expect.stringContaining('not submitted') });
  expect(lastText(model.requests[3])).toContain('2 of 3');
});

test('a model that goes round in circles is warned and then stopped', async () => {
  const model = new ScriptedModel(Array.from({ length: 10 }, () => calling('shell', { command: 'look' })));
  await using at = rig({ interpreter: tinyShell, model });
  expect(await at.runs.execute(await at.create())).toMatchObject({ outcome: 'not_fixed', steps: 5, detail: expect.stringContaining('5 times in a row') });
  expect(lastText(model.requests[3])).toContain('3 times in a row');
});

test('calls of one answer run in order, and none after submit', async () => {
  const commands = ['append log one', 'append log two'].map((command, index) => ({ id: `m${index}`, name: 'shell', input: { command } }));
  const after = { id: 'm9', name: 'shell', input: { command: 'append log never' } };
  const model = new ScriptedModel([{ calls: [...commands, { id: 's', name: 'submit', input: { summary: 'done' } }, after] }]);
  await using at = rig({ interpreter: tinyShell, model });
  const id = await at.create({ testCommand: '' });
  await at.runs.execute(id);
  expect((await at.runs.patch(id)).text.toString()).toMatch(/\+one\n\+two\n$/);
});

test('an answer that cannot be read at all is asked for again, twice', async () => {
  let broken = 2;
  const unreadable = () => {
    if (broken-- > 0) throw new GloveboxError('model_malformed', 'no JSON', { details: { costUnknown: true } });
    return submit;
  };
  const model = new ScriptedModel([unreadable], 1);
  await using at = rig({ interpreter: tinyShell, model });
  expect(await at.runs.execute(await at.create())).toMatchObject({ steps: 1, usd: 3 });
  broken = 9;
  await expect(at.runs.execute(await at.create())).rejects.toMatchObject({ code: 'model_malformed' });
});

test('when the provider says that the conversation is too long it is sent smaller', async () => {
  let asked = 0;
  const sizes: number[] = [];
  const model = new ScriptedModel([]);
  // It counts its own calls: how many answers a request still has says nothing once older ones were removed.
  model.complete = (request: ModelRequest) => {
    const size = JSON.stringify(request.messages).length;
    sizes.push(size);
    if (size > 100_000) return Promise.reject(new GloveboxError('model_rejected', 'prompt is too long', { details: { contextLength: true } }));
    asked += 1;
    const made = asked < 12 ? calling('shell', { command: `loud ${asked}` }) : submit;
    return new ScriptedModel([made]).complete({ ...request, messages: [] });
  };
  await using at = rig({ interpreter: (command) => (command.argv.at(-1)?.startsWith('loud') === true ? { stdout: 'x'.repeat(14_000) } : tinyShell(command)), model });
  expect((await at.runs.execute(await at.create())).detail).toContain('the agent submitted');
  expect(Math.max(...sizes)).toBeGreaterThan(100_000);
  expect(sizes.at(-1)).toBeLessThan(100_000);
});
