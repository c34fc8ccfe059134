import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DecisionRequest, GloveboxError, Principal } from '../../../src/contracts/index.ts';
import { FilePolicies, testPolicy } from '../../../src/policy/index.ts';
import { policyFolder, policyOf, policyWithRules } from './policies.ts';

const run = (...argv: string[]): DecisionRequest => ({ action: 'command.exec', argv, cwd: '/workspace' });
const tool = (name: string): DecisionRequest => ({ action: 'tool.call', tool: name, version: '1' });
const write = (path: string): DecisionRequest => ({ action: 'file.write', path });

const forbid = (action: string, condition: string): string => `forbid (principal, action == Action::"${action}", resource) when { ${condition} };`;

/** The message, with the folder's path taken out. */
async function problems(rules: string): Promise<string[]> {
  const folder = policyFolder({ p: 'name: p' }, { p: rules });
  const error = (await new FilePolicies([folder]).load('p').catch((thrown: unknown) => thrown)) as GloveboxError;
  expect(error.code).toBe('policy_invalid');
  return error.message.replaceAll(`${folder}/`, '').split('\n');
}

describe('rules.cedar', () => {
  test('forbids what the YAML lets through, and is named with its place and reason', async () => {
    const policy = await policyWithRules(`// Who may push?\n@reason("not from \\"here\\"; ever")\n${forbid('command.exec', 'context.programs.contains("git") && !(context.cwd like "/workspace/sub*")')}`);
    expect(policy.decide(run('ls')).effect).toBe('allow');
    expect(policy.decide(run('sh', '-c', 'cd x && git push'))).toMatchObject({
      effect: 'deny',
      reason: { rule: 'rules.cedar[0]', file: expect.stringMatching(/p\/rules\.cedar$/), line: 2, text: 'not from "here"; ever' },
      lost: [],
    });
  });

  test('asks where an approval would do, and denies where none would', async () => {
    const policy = await policyWithRules(
      [forbid('tool.call', 'context.tool == "deploy" && !context.approved'), forbid('tool.call', 'context.tool == "drop"'), forbid('tool.call', 'context.approved && context.tool == "both"'), forbid('tool.call', '!context.approved && context.tool == "both"')].join('\n'),
      'tools: { allow: [deploy, drop, both, other], deny: [] }',
    );
    expect(['deploy', 'drop', 'both', 'other', 'unknown'].map((name) => policy.decide(tool(name)).effect)).toEqual(['ask', 'deny', 'deny', 'allow', 'deny']);
    expect(policy.decide(tool('deploy'))).toMatchObject({ reason: { rule: 'rules.cedar[0]', line: 1, text: 'rules.cedar[0] forbids it' }, lost: [{ effect: 'allow', rule: 'tools.allow[0]' }] });
    expect(policy.decide(tool('unknown')).reason.rule).toBe('tools.allow');
  });

  test('never makes an answer weaker: a question stays one, a denial stays one', async () => {
    const yaml = 'commands: { ask: [{ program: git }], deny: [{ program: sudo }] }';
    const policy = await policyWithRules(forbid('command.exec', 'context.programs.contains("git") && !context.approved'), yaml);
    expect(policy.decide(run('git'))).toMatchObject({ effect: 'ask', reason: { rule: 'commands.ask[0]' }, lost: [{ effect: 'ask', rule: 'rules.cedar[0]' }] });
    expect(policy.decide(run('sudo', 'git'))).toMatchObject({ effect: 'deny', reason: { rule: 'commands.deny[0]' } });
  });

  test('binds whoever extends its policy', async () => {
    const folder = policyFolder({ q: 'name: q\nextends: p', p: 'name: p' }, { p: forbid('file.write', 'context.path like "*.lock"') });
    const policy = await new FilePolicies([folder]).load('q');
    expect(policy.decide(write('/workspace/a.lock'))).toMatchObject({ effect: 'deny', reason: { rule: 'rules.cedar[0]' } });
    expect(policy.decide(write('/workspace/a')).effect).toBe('allow');
  });

  test('may speak of several kinds of request, or of all', async () => {
    const policy = await policyWithRules('forbid (principal, action in [Action::"file.write", Action::"file.delete"], resource == File::"/workspace/x");\nforbid (principal, action, resource) when { !context.approved };');
    expect(policy.decide(write('/workspace/x')).effect).toBe('deny');
    expect(policy.decide({ action: 'file.delete', path: '/workspace/x' }).effect).toBe('deny');
    for (const request of [{ action: 'file.read', path: '/workspace/x' }, run('ls'), { action: 'session.open', kinds: ['container'], image: 'base', limits: policy.grant.sandbox }] as const) {
      expect(policy.decide(request)).toMatchObject({ effect: 'ask', reason: { rule: 'rules.cedar[1]', line: 2 } });
    }
    expect(policy.decide(tool('shell')).effect).toBe('deny');
  });

  test('sees every program of a text, also where the YAML says nothing of commands', async () => {
    const policy = await policyWithRules(`${forbid('command.exec', 'context.programs.contains("sudo")')}${forbid('command.exec', '!context.certain && !context.approved')}`);
    expect(policy.decide(run('sh', '-c', 'ls && sudo id')).effect).toBe('deny');
    expect(policy.decide(run('sh', '-c', '$X')).effect).toBe('ask');
    expect(policy.decide(run('sh', '-c', 'ls')).effect).toBe('allow');
  });

  test('is part of the policy’s hash by its meaning', async () => {
    const rule = forbid('tool.call', 'context.tool == "a"');
    const [none, one, laidOut, other] = await Promise.all([policyOf(''), policyWithRules(rule), policyWithRules(`// comment\n${rule.replaceAll(' ', '\n')}`), policyWithRules(rule.replace('"a"', '"b"'))]);
    expect((await policyWithRules('// nothing yet')).hash).toBe(none.hash);
    expect(laidOut.hash).toBe(one.hash);
    expect(new Set([none.hash, one.hash, other.hash]).size).toBe(3);
  });

  test('counts among the rules that tests are to make speak', async () => {
    const policy = await policyWithRules(forbid('tool.call', 'context.tool == "a"'), 'tools: { allow: [a] }');
    expect(policy.rules.map(({ rule }) => rule)).toEqual(['tools.allow[0]', 'rules.cedar[0]']);
    expect((await testPolicy(policy)).rules).toBe(2);
  });

  test('may be as long as a rule may be, and a list as long as a file', async () => {
    const condition = `${'('.repeat(20)}context.tool == "a"${' || context.tool == "b"'.repeat(60)}${')'.repeat(20)}`;
    const policy = await policyWithRules(forbid('tool.call', condition), `tools: { allow: [${Array.from({ length: 1_000 }, (_, i) => `tool${i}`).join(', ')}] }`);
    expect([policy.decide(tool('a')), policy.decide(tool('tool999')), policy.decide(tool('b'))].map(({ effect }) => effect)).toEqual(['deny', 'allow', 'deny']);
  });

  test.each([
    [`\n${forbid('file.read', 'context.pth == "/a"')}`, ['p/rules.cedar:2:68: attribute `pth` in context for Action::"file.read" not found (did you mean `path`?)']],
    [forbid('file.raed', 'true'), [expect.stringMatching(/^p\/rules\.cedar:1:\d+: .*/) as string]],
    [forbid('file.read', 'context.path == "/a" && "a" == "b"'), ['p/rules.cedar:1:1: policy is impossible: the policy expression evaluates to false for all valid requests']],
    [forbid('network.connect', 'context.method == "GET"'), [expect.stringMatching(/optional attribute `method`.*context has method/) as string]],
    [forbid('tool.call', 'context.tool == 1'), [expect.stringMatching(/^p\/rules\.cedar:1:\d+: the types/) as string]],
    ['forbid (principal, action == Action::"tool.call", resource == File::"/a");', [expect.stringContaining('unable to find an applicable action') as string, expect.stringContaining('impossible') as string]],
    [forbid('tool.call', 'context.tool == "shеll"'), [expect.stringContaining('mixed scripts') as string]],
    ['permit (principal, action, resource);', ['p/rules.cedar:1:1: expected forbid, found permit: what is allowed stands in policy.yaml, and rules.cedar only narrows it']],
    ['forbid (principal == ?principal, action, resource);', [expect.stringContaining('template') as string]],
    [`${forbid('tool.call', 'context.tool == ";//"')} // ; \n  forbid (`, [expect.stringMatching(/^p\/rules\.cedar:2:\d+: unexpected end/) as string]],
    ['forbid (principal, action, resource) when { "é" = 1 };', [expect.stringMatching(/^p\/rules\.cedar:1:4\d: '=' is not a valid operator/) as string]],
    [forbid('tool.call', `context.tool == "a"${' || true'.repeat(300)}`), [expect.stringContaining('at most 256 operators and 32 levels') as string]],
    [forbid('tool.call', `${'['.repeat(40)}${']'.repeat(40)} == []`), [expect.stringContaining('at most 256 operators and 32 levels') as string]],
    ['hello', [expect.stringMatching(/^p\/rules\.cedar:1:/) as string]],
  ])('%j is refused with its place', async (rules, expected) => {
    const told = await problems(rules);
    for (const one of expected) expect(told).toContainEqual(one);
  });
});

describe('who asks', () => {
  const ann: Principal = { tenant: 'acme', name: 'user:ann', roles: ['operator'] };

  test('is a session in its tenant and roles, and of its user', async () => {
    const policy = await policyWithRules(
      [
        'forbid (principal, action == Action::"tool.call", resource == Tool::"deploy") unless { principal in Role::"operator" };',
        'forbid (principal in Tenant::"guests", action == Action::"tool.call", resource);',
        'forbid (principal, action == Action::"tool.call", resource == Tool::"drop") when { principal.user == "user:bob" };',
      ].join('\n'),
      'tools: { allow: ["*"] }',
    );
    const effects = (principal?: Principal) => ['deploy', 'drop'].map((name) => policy.decide(tool(name), principal).effect);
    // Twice: what was decided for one is not remembered for another.
    for (let i = 0; i < 2; i++) {
      expect(effects(ann)).toEqual(['allow', 'allow']);
      expect(effects({ ...ann, roles: ['viewer'] })).toEqual(['deny', 'allow']);
      expect(effects({ ...ann, tenant: 'guests' })).toEqual(['deny', 'deny']);
      expect(effects({ ...ann, name: 'user:bob' })).toEqual(['allow', 'deny']);
    }
  });

  test('is nobody where nobody is named: whoever looks at the user is refused then', async () => {
    const policy = await policyWithRules('forbid (principal, action == Action::"tool.call", resource) when { principal.user == "user:bob" };', 'tools: { allow: ["*"] }');
    expect(policy.decide(tool('shell')).effect).toBe('allow');
    expect(policy.decide(tool('shell'), { ...ann, name: 'user:bob' }).effect).toBe('deny');
  });

  test('can be said in tests.yaml', async () => {
    const folder = policyFolder({ p: 'name: p\ntools: { allow: ["*"] }' }, { p: 'forbid (principal, action == Action::"tool.call", resource) unless { principal in Tenant::"acme" };' });
    writeFileSync(join(folder, 'p', 'tests.yaml'), '- { tool: a, as: { tenant: acme }, expect: allow }\n- { tool: a, as: { tenant: other, roles: [administrator] }, expect: deny }\n- { tool: a, expect: deny }\n');
    const { results } = await testPolicy(await new FilePolicies([folder]).load('p'));
    expect(results.map(({ problem }) => problem)).toEqual([undefined, undefined, undefined]);
  });
});
