import { expect, test } from 'vitest';
import { GloveboxError, type RunId } from '../../../src/contracts/index.ts';
import { Forks, Replays, Runs, Trajectories } from '../../../src/runs/index.ts';
import { TESTER } from '../../support/principal.ts';
import { atif, otlp, sweAgent } from '../../support/trajectory-formats.ts';
import { calling, type Rig, rig, ScriptedModel, tinyShell } from './rig.ts';

const { signal } = new AbortController();
const usage = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 20, cacheWriteTokens: 2, reasoningTokens: 3 };
const replies = [
  { ...calling('shell', { command: 'look' }), text: 'I look.', usage },
  { calls: [{ id: 'm', name: 'shell', input: undefined, malformed: '{"comm' }], usage },
  { text: 'hm', usage },
  { calls: [{ id: 'a', name: 'shell', input: { command: 'set a.txt good' } }, { id: 'b', name: 'shell', input: { commands: ['look', 'again'] } }], usage },
  { ...calling('submit', { summary: 'made it good' }), usage },
];

async function done(at: Rig): Promise<RunId> {
  const id = await at.create();
  await at.runs.execute(id);
  return id;
}

const formats = (at: Rig): Trajectories => new Trajectories(at.ports, at.runs);
/** As whoever reads the file has it. */
const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('as ATIF: what was said, every turn with its calls, their results and what they cost', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(replies, 0.25) });
  const id = await done(at);
  const { steps, agent, final_metrics: totals } = atif.parse(written(await formats(at).export(id, 'atif', '1.2.3')));
  expect(steps.map(({ source }) => source)).toEqual(['system', 'user', 'agent', 'agent', 'agent', 'user', 'agent', 'agent']);
  expect(steps[2]).toMatchObject({ message: 'I look.', tool_calls: [{ function_name: 'shell', arguments: { command: 'look' } }], observation: { results: [{ content: expect.stringContaining('look') }] }, metrics: { prompt_tokens: 32, completion_tokens: 5, cached_tokens: 20, cost_usd: 0.25 } });
  expect(steps[3]).toMatchObject({ tool_calls: [{ arguments: { malformed: '{"comm' } }], extra: { failed_calls: ['m'] } });
  expect(agent).toMatchObject({ name: 'glovebox', version: '1.2.3', model_name: 'script' });
  expect(agent.tool_definitions).toHaveLength(7);
  expect(totals).toMatchObject({ total_prompt_tokens: 160, total_completion_tokens: 25, total_cost_usd: 1.25, total_steps: 8 });
});

test('as a SWE-agent trajectory: an action a step, and the patch', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(replies, 0.25) });
  const { trajectory, history, info } = sweAgent.parse(written(await formats(at).export(await done(at), 'traj', '1')));
  expect(trajectory.map(({ action }) => action)).toEqual(['look', 'shell {"comm', '', 'set a.txt good', 'look\nagain', 'submit {"summary":"made it good"}']);
  expect(info).toMatchObject({ exit_status: 'submitted', submission: expect.stringContaining('+good'), model_stats: { api_calls: 5, tokens_sent: 160 } });
  expect(history.map(({ role }) => role).slice(0, 4)).toEqual(['system', 'user', 'assistant', 'tool']);
});

test('as OTLP: one trace of run, turns, model calls, tools and commands, the same each time', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(replies, 0.25) });
  const id = await done(at);
  const exported = written(await formats(at).export(id, 'otlp', '1'));
  const spans = otlp.parse(exported).resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect(byId.size).toBe(spans.length);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const path = (span: (typeof spans)[number]): string => (span.parentSpanId === undefined ? span.name : `${path(byId.get(span.parentSpanId)!)} > ${span.name}`);
  const paths = spans.map(path);
  expect(paths.filter((each) => each === 'invoke_agent glovebox')).toHaveLength(1);
  expect(paths).toContain('invoke_agent glovebox > step 1 > chat script');
  expect(paths).toContain('invoke_agent glovebox > step 1 > execute_tool shell > command bash');
  expect(paths.filter((each) => each === 'invoke_agent glovebox > step 4 > execute_tool shell > command bash')).toHaveLength(3);
  // The tests before and after, and what prepares the repository.
  expect(paths.filter((each) => each === 'invoke_agent glovebox > command sh')).toHaveLength(3);
  const chat = spans.find(({ name }) => name === 'chat script');
  expect(Object.fromEntries(chat?.attributes.map(({ key, value }) => [key, Object.values(value)[0]]) ?? [])).toMatchObject({ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'scripted', 'gen_ai.usage.input_tokens': '32', 'glovebox.usd': 0.25 });
  expect(written(await formats(at).export(id, 'otlp', '1'))).toEqual(exported);
});

test('a fork tells what was copied, and counts its own work alone', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(replies, 0.25) });
  const fork = await new Forks(at.ports, at.runs).fork(await done(at), { step: 3 });
  await at.runs.execute(fork);
  const { steps, final_metrics: totals } = atif.parse(written(await formats(at).export(fork, 'atif', '1')));
  expect(steps.filter(({ is_copied_context: isCopied }) => isCopied === true)).toHaveLength(4);
  expect(totals).toMatchObject({ total_prompt_tokens: 64, total_cost_usd: 0.5 });
  expect(otlp.safeParse(written(await formats(at).export(fork, 'otlp', '1'))).error).toBeUndefined();
  expect(sweAgent.safeParse(written(await formats(at).export(fork, 'traj', '1'))).error).toBeUndefined();
});

test('what was exported can be imported, shown, replayed with live tools, and exported again', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(replies, 0.25) });
  const id = await done(at);
  const bytes = Buffer.from(JSON.stringify(await formats(at).export(id, 'atif', '1')));
  const repository = `${at.folder}/repository`;
  const { run, steps, unmapped } = await formats(at).import({ bytes, repository, policy: 'test' });
  expect([steps, unmapped]).toEqual([5, {}]);
  const state = await at.runs.show(run);
  expect(state).toMatchObject({ status: 'ended', spent: { steps: 0, usd: 0 }, origin: { how: 'imported', agent: 'glovebox 1', isOurs: true, spent: { steps: 5, usd: 1.25 } } });
  const replays = new Replays(at.ports, at.runs);
  await expect(replays.strict(run, signal)).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('--live-tools') });
  const { live, strict } = await replays.live(run, { signal });
  expect(strict).toMatchObject({ why: expect.stringContaining('another tool') });
  // The arguments that could not be parsed are an object now, which does not fit in another way.
  expect(live?.observations.map(({ verdict }) => verdict)).toEqual(['same', 'different', 'same', 'same', 'same']);
  const again = atif.parse(written(await formats(at).export(run, 'atif', '1')));
  expect(again.steps.every(({ is_copied_context: isCopied }) => isCopied === true)).toBe(true);
});

/** As another tool writes it. */
const foreign = {
  schema_version: 'ATIF-v1.4',
  session_id: 's',
  agent: { name: 'other', version: '2', model_name: 'm' },
  steps: [
    { step_id: 1, source: 'system', message: 'be good' },
    { step_id: 2, source: 'user', message: 'Make a.txt good.' },
    { step_id: 3, source: 'agent', message: 'look', tool_calls: [{ tool_call_id: 'x:1', function_name: 'execute_bash', arguments: { command: ['bash', '-lc', 'look'], timeout: 5 } }], observation: { results: [{ source_call_id: 'x:1', content: 'look\n' }] }, metrics: { prompt_tokens: 100, completion_tokens: 7, cached_tokens: 60, cost_usd: 0.1 } },
    { step_id: 4, source: 'agent', message: [{ type: 'text', text: 'browse' }, { type: 'image', source: {} }], tool_calls: [{ tool_call_id: 'x:1', function_name: 'browser', arguments: { url: 'http://x' } }, { tool_call_id: 'y', function_name: 'sh', arguments: { cmd: ['set', 'a.txt', 'better'] } }], observation: { results: [{ source_call_id: 'x:1', content: 'a page' }] } },
    { step_id: 5, source: 'agent', message: 'I am done.' },
  ],
};
const file = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test("another tool's trajectory is one of ours: its shell is our shell, what cannot be mapped is told, and a fork goes on with it", async () => {
  const model = new ScriptedModel([{}, {}, {}, calling('shell', { command: 'set a.txt good' }), calling('submit', { summary: 'now' })]);
  await using at = rig({ interpreter: tinyShell, model });
  const { run, unmapped, notes } = await formats(at).import({ bytes: file(foreign), repository: `${at.folder}/repository`, policy: 'test' });
  expect([unmapped, notes]).toEqual([{ browser: 1 }, ['1 system messages were left out: the agent here has its own']]);
  const { messages, origin, task } = await at.runs.show(run);
  expect(task).toBe('Make a.txt good.');
  expect(origin?.spent).toEqual({ usd: 0.1, tokens: 107, steps: 3 });
  expect(messages[1]).toMatchObject({ reply: { calls: [{ id: 'call_3_1', name: 'shell', input: { command: 'look', timeout_s: 5 } }], usage: { inputTokens: 40, cacheReadTokens: 60 } } });
  expect(messages[3]).toMatchObject({ reply: { text: 'browse\n[image]', calls: [{ id: 'call_4_1', name: 'browser' }, { id: 'call_4_2', name: 'shell', input: { command: 'set a.txt better' } }] } });
  const { live } = await new Replays(at.ports, at.runs).live(run, { signal });
  expect(live?.observations.map(({ tool, verdict }) => [tool, verdict])).toEqual([['shell', 'same'], ['browser', 'not_run'], ['shell', 'different']]);
  expect(live?.identical).toBe(false);
  const runs = new Runs(at.ports);
  const fork = await new Forks(at.ports, runs).fork(run, { step: 3, model: 'scripted:script' });
  expect(await runs.execute(fork)).toMatchObject({ steps: 2, files: ['a.txt'] });
});

test('without a repository it is replayed in an empty folder', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel([]) });
  const { run } = await formats(at).import({ bytes: file(foreign), policy: 'test' });
  expect(await at.ports.workspaces.of(TESTER.tenant).files((await at.runs.show(run)).baseTree)).toEqual([]);
  expect((await new Replays(at.ports, at.runs).live(run, { signal })).live?.observations).toHaveLength(3);
});

test('a file that is none, is too deep or holds something else where it matters is refused, with the place', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel([]) });
  const refused = async (bytes: Buffer): Promise<string> => {
    const error: unknown = await formats(at).import({ bytes, policy: 'test' }).catch((thrown: unknown) => thrown);
    if (!(error instanceof GloveboxError) || error.code !== 'usage') throw new Error(`not refused: ${String(error)}`);
    return error.message;
  };
  expect(await refused(Buffer.from('{'))).toContain('not JSON');
  expect(await refused(Buffer.from([0x22, 0xff, 0x22]))).toContain('not JSON in UTF-8');
  expect(await refused(Buffer.from('['.repeat(100_000) + ']'.repeat(100_000)))).toMatch(/nested deeper|not JSON/);
  expect(await refused(file({ ...foreign, schema_version: 'ATIF-v2.0' }))).toContain('schema_version');
  expect(await refused(file({ ...foreign, steps: [] }))).toContain('steps');
  expect(await refused(file({ ...foreign, steps: [{ source: 'agent', message: 'x', tool_calls: [{ tool_call_id: 'a', function_name: 'sh', arguments: 'rm' }] }] }))).toContain('steps.0.tool_calls.0.arguments');
  expect(await refused(file({ ...foreign, steps: [{ source: 'agent', message: 'x', metrics: { prompt_tokens: -1 } }] }))).toContain('prompt_tokens');
  expect(await refused(file({ ...foreign, agent: { name: 'x'.repeat(1_000), version: '1' } }))).toContain('agent.name');
  expect(await at.runs.list()).toEqual([]);
});
