import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DecisionRequest, PolicyFile } from '../../../src/contracts/index.ts';
import { explain, type Question, requestOf, testPolicy } from '../../../src/policy/index.ts';
import { policyOf } from './policies.ts';

async function tried(policy: PolicyFile, tests: string) {
  writeFileSync(join(dirname(policy.file), 'tests.yaml'), tests);
  return testPolicy(policy);
}

describe('a question', () => {
  test.each<[Question, object]>([
    [{ exec: 'git push | cat' }, { action: 'command.exec', argv: ['sh', '-c', 'git push | cat'], cwd: '/workspace' }],
    [{ exec: ['git', 'push'] }, { action: 'command.exec', argv: ['git', 'push'], cwd: '/workspace' }],
    [{ delete: '/workspace/a' }, { action: 'file.delete', path: '/workspace/a' }],
    [{ connect: 'https://api.test' }, { action: 'network.connect', scheme: 'https', host: 'api.test', port: 443, method: 'GET', path: '/' }],
    [{ connect: 'post http://api.test:8080/v1?q=1' }, { action: 'network.connect', scheme: 'http', host: 'api.test', port: 8080, method: 'POST', path: '/v1?q=1' }],
    // Nothing is tidied up: policy sees what was asked.
    [{ connect: 'https://API.test./a/../b' }, { action: 'network.connect', scheme: 'https', host: 'API.test.', port: 443, method: 'GET', path: '/a/../b' }],
    [{ connect: 'tcp://[::1]:5432' }, { action: 'network.connect', scheme: 'tcp', host: '::1', port: 5432 }],
    [{ credential: { id: 'github', to: 'PUT https://api.test/x' } }, { action: 'credential.use', credential: 'github', place: 'header', scheme: 'https', host: 'api.test', port: 443, method: 'PUT', path: '/x' }],
    [{ tool: 'shell' }, { action: 'tool.call', tool: 'shell', version: '1' }],
    [
      { model: { name: 'openai:a:b', usd: 1, spent: { usd: 2 } } },
      { action: 'model.call', provider: 'openai', model: 'a:b', host: '', spent: { usd: 2, tokens: 0, steps: 0 }, worstCase: { usd: 1, tokens: 0, steps: 1 } },
    ],
    [{ export: ['a'] }, { action: 'export.patch', paths: ['a'], bytes: 0 }],
  ])('%j', async (question, request) => {
    expect(requestOf(question, await policyOf(''))).toEqual(request);
  });

  test('for a session is what the policy lends, where nothing else is said', async () => {
    const policy = await policyOf('limits: { cpu: 2 }');
    expect(requestOf({ open: { limits: { pids: 17 } } }, policy)).toEqual({
      action: 'session.open',
      image: 'base',
      kinds: ['gvisor'],
      limits: { ...policy.grant.sandbox, pids: 17 },
    });
  });

  test.each<Question>([{ connect: 'api.test' }, { connect: 'tcp://db.test' }, { connect: 'ftp://a.test:21' }, { model: 'gpt' }, {}])('%j is none', async (question) => {
    const policy = await policyOf('');
    expect(() => requestOf(question, policy)).toThrow(/expected/);
  });
});

describe('tests.yaml', () => {
  const TOOLS = 'tools: { allow: [shell, edit], deny: [rm] }';

  test('says what held, what did not, and which rules no case made speak', async () => {
    const report = await tried(
      await policyOf(TOOLS),
      `# cases
- { tool: shell, expect: allow, rule: "tools.allow[0]", because: fits }
- { tool: browse, expect: allow }
- tool: rm
  expect: deny
  rule: tools.allow
`,
    );
    expect(report).toMatchObject({ policy: 'p', rules: 3, silent: [{ rule: 'tools.allow[1]', line: 2 }] });
    expect(report.results.map(({ line, problem }) => [line, problem])).toEqual([
      [2, undefined],
      [3, 'expected allow, decided deny (tools.allow: browse fits none of the list)'],
      [4, 'expected tools.allow to decide (tools.deny[0]: rm fits rm)'],
    ]);
  });

  test('counts every list of rules', async () => {
    const lists = `commands: { allow: [{ program: ls }, { program: id }], exactly: [[make, test], [make, all]] }
export: { allow: ["src/**", "docs/**"] }
network: [{ host: a.test }, { host: b.test }]`;
    const cases = '[{ exec: "ls | ls", expect: allow }, { exec: [make, all], expect: allow }, { export: [docs/a], expect: allow }, { connect: "https://a.test", expect: allow }]';
    const { rules, silent } = await tried(await policyOf(lists), cases);
    expect([rules, silent.map(({ rule }) => rule)]).toEqual([8, ['commands.allow[1]', 'commands.exactly[0]', 'export.allow[0]', 'network[1]']]);
  });

  test('a reason that says something else fails', async () => {
    const { results } = await tried(await policyOf(TOOLS), '[{ tool: shell, expect: allow, because: the moon }]');
    expect(results[0]?.problem).toContain('expected the reason to say "the moon"');
  });

  test.each([
    ['[{ tool: a, read: /b, expect: allow }]', /tests\.yaml:1:2: \[0\]: expected one of exec, .*, found read and tool/],
    ['[{ expect: allow }]', /found none/],
    ['- { tool: a, expect: allow }\n- { tol: a, expect: allow }', /tests\.yaml:2:5: unknown key "tol" in \[1\]: did you mean "tool"\?/],
    ['[{ tool: a, expect: maybe }]', /expected one of allow, ask, deny/],
    ['[]', /at least 1 entry/],
    ['[{ connect: nowhere, expect: deny }]', /tests\.yaml:1: connect: expected such as GET/],
    ['- {', /tests\.yaml:1:/],
  ])('%s is refused with its place', async (text, message) => {
    await expect(tried(await policyOf(TOOLS), text)).rejects.toThrow(message);
  });

  test('none beside a policy is no error, and is said', async () => {
    expect(await testPolicy(await policyOf(TOOLS))).toMatchObject({ file: undefined, results: [], rules: 3 });
  });
});

describe('an explanation', () => {
  const POLICY = `commands: { ask: [{ program: git, args: [push] }] }
limits: { cpu: 2 }
files: { write: ["/workspace/**"] }
export: { max_bytes: 10 }`;

  test.each<[Question, readonly RegExp[]]>([
    [{ exec: 'ls' }, []],
    [{ exec: 'git push' }, [/^commands\.ask\[0\] \(.*policy\.yaml:2\) would have to go, or to be narrower; or a person says yes$/]],
    [{ exec: '$X' }, [/^it would have to be a command of which every program can be seen/]],
    [{ open: { limits: { cpu: 3 } } }, [/^limits\.cpu \(.*:3\) would have to be higher$/]],
    [{ write: '/etc/x' }, [/^files\.write \(.*:4\) would have to name it$/]],
    [{ tool: 'shell' }, [/^the policy would need a tools\.allow with this tool in it$/]],
    [{ write: '/workspace//x' }, [/files\.write/]],
    [{ export: { paths: ['a'], bytes: 11 } }, [/^export\.max_bytes .* higher$/]],
  ])('%j', async (question, expected) => {
    const policy = await policyOf(POLICY);
    const request = requestOf(question, policy);
    const { remedies, binds } = explain(request, policy.decide(request));
    expect(remedies).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
    expect(binds).not.toBe('');
  });
});

describe('lint', () => {
  test.each<[string, string, readonly [string, RegExp][]]>([
    ['a rule twice', 'tools: { allow: [shell, edit, shell] }', [['tools.allow[2]', /already, as tools\.allow\[0\]/]]],
    ['what a parent states', 'extends: parent\nfiles: { deny: ["/workspace/x/**", "/workspace/y"] }', [['files.deny[0]', /^parent states it already/]]],
    ['a tool that a parent does not have', 'extends: parent\ntools: { allow: [browse, shell, "b*"] }', [['tools.allow[0]', /never lets anything through: tools\.allow denies it/]]],
    ['a file that is denied beside it', 'files: { write: [/workspace/a, /workspace/b], deny: [/workspace/a] }', [['files.write[0]', /never lets/]]],
    ['a question that is never asked', 'commands: { ask: [{ program: git, args: [push, -f] }, { program: git }], deny: [{ program: [git, hg], args: [push] }] }', [['commands.ask[0]', /commands\.deny\[0\] of p denies all of it/]]],
    ['a limit without effect', 'extends: parent\nlimits: { cpu: 4, pids: 16 }', [['limits.cpu', /no effect: parent is stricter/]]],
    ['a network rule that matches nothing', 'network: [{ registries: [npm] }, { host: a.test, paths: ["/{owner}/x"] }, { host: a.test, methods: [] }, { host: 192.0.2.1 }]', [['network[2]', /no method or no path/], ['network[3]', /names alone, never an address/]]],
    ['room for what registries answer, without registries', 'registry_cache: 1GiB', [['registry_cache', /no registry is opened/]]],
    ['a word on install scripts without registries', 'install_scripts: deny', [['install_scripts', /no registry is opened/]]],
    ['a program that runs others, beside a denial', 'commands: { allow: [{ program: [ls, python3, bash] }], deny: [{ program: sudo }] }', [['commands.allow[0]', /^python3 can run any program, sudo too/], ['commands.allow[0]', /^bash can run/]]],
    ['nothing', 'extends: parent\ntools: { allow: [shell] }\nlimits: { cpu: 1 }', []],
  ])('finds %s', async (_, text, expected) => {
    const parent = 'name: parent\nfiles: { deny: ["/workspace/x/**"] }\ntools: { allow: [shell, edit] }\nlimits: { cpu: 2, pids: 64 }';
    const policy = await policyOf(text, { parent });
    expect(policy.lint().flatMap(({ isNote, rule, text: said }) => (isNote === true ? [] : [[rule, said]]))).toEqual(expected.map(([rule, pattern]) => [rule, expect.stringMatching(pattern)]));
  });

  test.each<[string, string, readonly [string, RegExp][]]>([
    ['what is read', 'files: { read: ["/workspace/**"] }', [['files.read', /the file API and tools: commands read what their user may/]]],
    ['what is written', 'files: { write: ["/workspace/src/**"] }', [['files.write', /commands write all of \/workspace/]]],
    ['what is denied', 'files: { deny: ["/workspace/.git/hooks/**"] }', [['files.deny[0]', /commands are not held by it/]]],
    ['what the mounts say anyway', 'files: { read: ["/**"], write: ["/workspace/**", "/tmp/**"] }', []],
    ['files where no command runs', 'files: { deny: ["/workspace/a"] }\ncommands: { allow: [] }', []],
  ])('notes how far a rule reaches: %s', async (_, text, expected) => {
    const notes = (await policyOf(text)).lint().filter(({ isNote }) => isNote === true);
    expect(notes.map(({ rule, text: said }) => [rule, said])).toEqual(expected.map(([rule, pattern]) => [rule, expect.stringMatching(pattern)]));
  });
});

test.each<[DecisionRequest, RegExp]>([
  [{ action: 'file.write', path: '/workspace/a' }, /not a command in the sandbox, which may write here/],
  [{ action: 'file.delete', path: '/etc/passwd' }, /not a command in the sandbox, which the read-only root/],
  [{ action: 'file.read', path: '/etc/passwd' }, /not a command in the sandbox, which reads what its user may/],
  [{ action: 'export.patch', paths: ['a'], bytes: 1 }, /what leaves as a patch/],
])('explain says what the answer to %j binds', async (request, expected) => {
  expect(explain(request, (await policyOf('')).decide(request)).binds).toMatch(expected);
});
