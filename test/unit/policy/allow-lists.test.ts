import { describe, expect, test } from 'vitest';
import type { DecisionRequest } from '../../../src/contracts/index.ts';
import { type Question, requestOf } from '../../../src/policy/index.ts';
import { policyOf } from './policies.ts';

async function answer(text: string, question: Question) {
  const policy = await policyOf(text);
  const { effect, reason } = policy.decide(requestOf(question, policy));
  return [effect, reason.rule];
}

describe('commands.exactly', () => {
  const POLICY = `commands:
  allow: [{ program: ls }]
  exactly:
    - [make, test]
    - [sh, -c, "eval \\"$X\\" && sudo ls"]
    - [sh, -c, "$Y"]
  deny: [{ program: sudo }]`;

  test.each<[Question, string, string]>([
    [{ exec: ['make', 'test'] }, 'allow', 'commands.exactly[0]'],
    [{ exec: ['make'] }, 'deny', 'commands.allow'],
    [{ exec: ['make', 'test', '-j'] }, 'deny', 'commands.allow'],
    // It is whole words that are compared, not their text.
    [{ exec: ['make test'] }, 'deny', 'commands.allow'],
    [{ exec: 'make test' }, 'deny', 'commands.allow'],
    [{ exec: ['ls', '-l'] }, 'allow', 'commands.allow[0]'],
    [{ exec: '$Y' }, 'allow', 'commands.exactly[2]'],
    [{ exec: '$Z' }, 'ask', 'commands'],
    [{ exec: ['bash', '-c', '$Y'] }, 'ask', 'commands'],
    // A denial wins over it.
    [{ exec: 'eval "$X" && sudo ls' }, 'deny', 'commands.deny[0]'],
  ])('%j → %s by %s', async (question, effect, rule) => {
    expect(await answer(POLICY, question)).toEqual([effect, rule]);
  });

  test('alone is the whole list', async () => {
    expect(await answer('commands: { exactly: [[ls]] }', { exec: ['id'] })).toEqual(['deny', 'commands.allow']);
    expect(await answer('commands: { exactly: [[ls]] }', { exec: ['ls'] })).toEqual(['allow', 'commands.exactly[0]']);
  });

  test('of a child lifts no doubt of its parent', async () => {
    const policy = await policyOf('extends: parent\ncommands: { exactly: [[sh, -c, "$Y"]] }', { parent: 'name: parent\ncommands: { deny: [{ program: sudo }] }' });
    expect(policy.decide(requestOf({ exec: '$Y' }, policy))).toMatchObject({ effect: 'ask', reason: { rule: 'commands' } });
  });
});

describe('export.allow', () => {
  const POLICY = 'export: { max_files: 3, allow: ["src/**", "*.md"], deny: ["src/secret/**"], ask: ["CHANGES.md"] }';

  test.each<[readonly string[], string, string]>([
    [['src/a.ts', 'README.md'], 'allow', 'export.allow[0]'],
    [['README.md'], 'allow', 'export.allow[1]'],
    [['src/a.ts', 'test/a.ts'], 'deny', 'export.allow'],
    [['docs/a.md'], 'deny', 'export.allow'],
    [['src/secret/a'], 'deny', 'export.deny[0]'],
    [['CHANGES.md'], 'ask', 'export.ask[0]'],
    [['src/a', 'src/b', 'src/c', 'src/d'], 'deny', 'export.max_files'],
    [['src/../a'], 'deny', 'default'],
  ])('%j → %s by %s', async (paths, effect, rule) => {
    expect(await answer(POLICY, { export: [...paths] })).toEqual([effect, rule]);
  });

  test('that is empty lets no file out', async () => {
    expect(await answer('export: { allow: [] }', { export: ['a'] })).toEqual(['deny', 'export.allow']);
  });

  test('names a pattern that is none', async () => {
    await expect(policyOf('export: { allow: [/src] }')).rejects.toThrow(/export\.allow\[0\]: expected a pattern relative to the repository/);
  });
});

describe('javascript.languages', () => {
  test.each<[string, string, string, string]>([
    ['javascript: { languages: [typescript] }', 'typescript', 'allow', 'javascript.languages[0]'],
    ['javascript: { languages: [typescript] }', 'javascript', 'deny', 'javascript.languages'],
    ['javascript: { languages: [] }', 'javascript', 'deny', 'javascript.languages'],
    ['javascript: {}', 'typescript', 'allow', 'default'],
    ['extends: parent\njavascript: {}', 'javascript', 'deny', 'javascript.languages'],
  ])('%s: %s → %s by %s', async (text, language, effect, rule) => {
    const policy = await policyOf(text, { parent: 'name: parent\njavascript: { languages: [typescript] }' });
    const request = { action: 'javascript.run', language, source: 'sha256:0', functions: [] } as DecisionRequest;
    expect(policy.decide(request)).toMatchObject({ effect, reason: { rule } });
  });
});
