import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { DecisionRequest, JournalEvent } from '../../src/contracts/index.ts';
import { IsolatePool } from '../../src/sandbox/isolate/index.ts';
import type { ProgramTool } from '../../src/session/index.ts';
import { builtInTools } from '../../src/tools/index.ts';
import { openWorld } from '../support/sandbox-kinds.ts';
import { SessionRig } from '../support/session.ts';

// Programs in real isolates, in sessions with a real policy, a real journal and a real sandbox.
const world = openWorld('process');
const isolates = new IsolatePool({ searchPath: process.env['PATH'] ?? '' });
const rig = new SessionRig([world.driver], isolates);
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await isolates[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const SMALL = `
sandbox: { kinds: [process] }
limits: { cpu: 2, memory: 512MiB, pids: 64, disk: 64MiB, inodes: 5000, open_files: 256 }
command: { wall: 20s, output: 1MiB }
session: { wall: 10m, idle: 5m }
`;

const LENT = `${SMALL}
javascript: { memory: 64MiB, functions: [files, tools] }
files: { write: ["/workspace/**"], deny: ["/workspace/secret/**"] }
tools: { allow: [add, echo, shell, edit, run_js, python] }
`;

function tool(call: ProgramTool['call']): ProgramTool {
  return { version: '3', input: z.unknown(), call };
}

/** The questions of one session, with their answers, as they were written down. */
function questions(events: readonly JournalEvent[], action: DecisionRequest['action']): readonly unknown[] {
  return events.flatMap((event) => (event.type === 'decision' && event.data.request.action === action ? [[event.data.request, event.data.allowed]] : []));
}

describe('a function of the host that a program was given', () => {
  test('is asked about at each call, and each answer is written between the beginning and the end of the program', async () => {
    const session = await rig.open(LENT);
    const add = tool((input) => Promise.resolve({ sum: (input as number[]).reduce((a, b) => a + b) }));
    const other = tool(() => Promise.resolve('never'));
    const source = `
      const sums = [];
      for (const n of [1, 2, 3]) sums.push((await tools.add([n, 10])).sum);
      const refused = await tools.other().then(() => 'ran', ({ message }) => message);
      export default { sums, refused };`;
    const ran = await session.javascript({ source, grants: { tools: { add, other } } });
    expect(ran.end).toMatchObject({ cause: 'returned', result: { sums: [11, 12, 13], refused: 'tools.other: denied by tools.allow' } });
    const events = await rig.events(session);
    const [yes, no] = [{ action: 'tool.call', tool: 'add', version: '3' }, { action: 'tool.call', tool: 'other', version: '3' }];
    expect(questions(events, 'tool.call')).toEqual([[yes, true], [yes, true], [yes, true], [no, false]]);
    expect(events.map(({ type }) => type).slice(-6)).toEqual(['javascript.started', 'decision', 'decision', 'decision', 'decision', 'javascript.ended']);
  });

  test('takes and gives values: what either side does to them afterwards changes nothing of the other', async () => {
    const session = await rig.open(LENT);
    const kept = { list: [1, 2, 3], __proto__: { inherited: true } };
    const seen: unknown[] = [];
    const echo = tool((input) => {
      seen.push(input);
      return Promise.resolve(kept);
    });
    const source = `
      const mine = { nested: { n: 1 }, at: new Date(0) };
      const theirs = await tools.echo(mine);
      mine.nested.n = 2; theirs.list.push(4);
      const again = await tools.echo(JSON.parse('{"__proto__": {"polluted": 1}}'));
      export default [theirs.list.length, again.list.length, 'inherited' in again, Object.getPrototypeOf(again) === Object.prototype];`;
    expect((await session.javascript({ source, grants: { tools: { echo } } })).end).toMatchObject({ cause: 'returned', result: [4, 3, false, true] });
    expect(seen[0]).toEqual({ nested: { n: 1 }, at: '1970-01-01T00:00:00.000Z' });
    expect(kept.list).toEqual([1, 2, 3]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test('that throws tells what it may, and no place on this host', async () => {
    const session = await rig.open(LENT);
    const sandbox = await session.sandbox('test');
    const echo = tool(() => Promise.reject(new Error('ENOENT: no such file, open \'/home/somebody/.ssh/id_ed25519\'')));
    const source = `
      const told = async (promise) => promise.then(() => 'ran', (error) => [error.message, error.stack, Object.getOwnPropertyNames(error)].flat().join(' '));
      export default [await told(tools.echo()), await told(files.read('missing')), await told(files.write('secret/x', '')), await told(files.read('../../etc/../root')), await told(files.read(7)), await told(tools.add())];`;
    const { end } = await session.javascript({ source, grants: { files: sandbox.files, tools: { echo, add: tool((input) => Promise.resolve(input)) } } });
    const told = end.result as readonly string[];
    expect(told.map((text) => text.split(' Error:')[0])).toEqual([
      expect.stringMatching(/^tools\.echo: failed/),
      expect.stringMatching(/^files\.read: ENOENT/),
      expect.stringMatching(/^files\.write: denied by files\.deny\[0\]/),
      expect.stringMatching(/^files\.read: E[A-Z]+/),
      expect.stringMatching(/^files\.read: expected a path/),
      'ran',
    ]);
    expect(told.join('\n')).not.toMatch(/somebody|node_modules|file:|\/src\/|\.ts\b|\/tmp\/|policy\.yaml/);
  });

  test('is not lent where the policy lends none, and then the program does not run', async () => {
    const session = await rig.open(`${SMALL}\njavascript: { functions: [files] }`);
    const ran = await session.javascript({ source: 'export default 1', grants: { tools: { add: tool(() => Promise.resolve(1)) } } });
    expect(ran).toMatchObject({ end: { cause: 'policy' }, decision: { reason: { rule: 'javascript.functions' } } });
    expect((await rig.events(session)).map(({ type }) => type)).not.toContain('javascript.started');
  });

  test('that still runs when its program is ended is told so', async () => {
    const session = await rig.open(LENT);
    const stopped = Promise.withResolvers<void>();
    const echo = tool((_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => (stopped.resolve(), reject(signal.reason as Error)))));
    const ran = await session.javascript({ source: 'export default await tools.echo()', grants: { tools: { echo } }, limits: { wallMs: 300 } });
    expect(ran.end.cause).toBe('timeout');
    await stopped.promise;
  });
});

describe('run_js', () => {
  const registry = builtInTools();

  async function bench(policy = LENT) {
    const session = await rig.open(policy);
    const sandbox = await session.sandbox('test');
    const call = async (name: string, input: unknown) => (await registry.call({ id: 'c', name, input }, { session, sandbox, signal: session.signal })).outcome;
    return { session, sandbox, call };
  }

  test('lets a model write one program over the files and the other tools', async () => {
    const { session, sandbox, call } = await bench();
    const code = `
      for (const name of ['a', 'b', 'c']) await files.write('in/' + name + '.txt', name.repeat(3));
      const { ok, data } = await tools.shell({ commands: ['cat in/a.txt', 'wc -c in/*.txt | tail -1'] });
      const edited = await tools.edit({ command: 'str_replace', path: 'in/b.txt', old_str: 'bbb', new_str: 'edited' });
      console.log('edited:', edited.ok);
      export default { ok, out: data.map(({ stdout }) => stdout.trim()), b: await files.read('in/b.txt') };`;
    expect(await call('run_js', { code })).toEqual({
      callId: 'c',
      tool: 'run_js',
      ok: true,
      text: '[returned]\n{"ok":true,"out":["aaa","9 total"],"b":"edited"}\n--- console ---\nedited: true',
    });
    expect((await sandbox.files.read('/workspace/in/b.txt')).toString()).toBe('edited');
    const events = await rig.events(session);
    expect(questions(events, 'tool.call').map((pair) => (pair as [{ tool: string }])[0].tool)).toEqual(['run_js', 'shell', 'edit']);
    expect(events.filter(({ type }) => type === 'command.ended')).toHaveLength(2);
  });

  test('gives programs the tools that policy allows, and never itself, submit, or what policy does not name', async () => {
    const { call } = await bench();
    const code = `
      const told = await tools.apply_patch({ patch: '' }).catch(({ message }) => message);
      export default { tools: Object.keys(tools).sort(), told };`;
    const { text } = await call('run_js', { code });
    expect(JSON.parse(text.slice(text.indexOf('{')))).toEqual({ tools: ['apply_patch', 'edit', 'node', 'python', 'shell'], told: 'tools.apply_patch: denied by tools.allow' });
  });

  test('lends nothing where the policy lends nothing, and runs all the same', async () => {
    const { call } = await bench(`${SMALL}\njavascript: {}\ntools: { allow: [run_js] }`);
    expect((await call('run_js', { code: 'export default [typeof files, typeof tools]' })).text).toBe('[returned]\n["undefined","undefined"]');
  });

  test('says how a program ended that has no result', async () => {
    const { call } = await bench();
    const said = async (code: string, more = {}) => (await call('run_js', { code, ...more })).text;
    expect(await said('console.log("before");\nthrow new TypeError("no")')).toBe('[threw TypeError: no\nat program.js:2:7]\n--- console ---\nbefore');
    expect(await said('export default [1')).toMatch(/^\[threw SyntaxError: /);
    expect(await said('export default () => () => 1')).toBe('[its result is no JSON: it is a function, and JSON has none]');
    expect(await said('for (;;);', { timeout_s: 0.5 })).toMatch(/^\[ended: its time was over after 0\.\d s\]$/);
    expect(await said('const x: number = 4; export default x', { language: 'typescript' })).toBe('[returned]\n4');
    expect(await said('export default "x".repeat(40_000)')).toMatch(/^\[returned\]\n"x+\n\[… 24002 characters cut …\]\nx+"$/);
  });

  test('is denied where the policy has no javascript, and the model is told by which rule', async () => {
    const { call } = await bench(`${SMALL}\ntools: { allow: [run_js] }`);
    expect(await call('run_js', { code: 'export default 1' })).toMatchObject({ ok: false, text: expect.stringMatching(/^\[not run: denied by policy \(default\): .*no javascript/) as string });
  });
});
