import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PolicyFile } from '../../../src/contracts/index.ts';
import { diffPolicies, FilePolicies, type Question, requestOf } from '../../../src/policy/index.ts';
import { policyFolder, policyOf } from './policies.ts';

const SHIPPED = join(import.meta.dirname, '../../../policies');

const asked = (policy: PolicyFile, question: Question) => policy.decide(requestOf(question, policy));

describe('a policy that observes', () => {
  const POLICY = `mode: observe
commands: { ask: [{ program: git, args: [push] }], deny: [{ program: sudo }] }
tools: { deny: [browse] }
models: { allow: ["a:*"] }
budget: { usd: 1 }
limits: { cpu: 2 }`;

  test.each<[Question, string]>([
    [{ exec: 'sudo id' }, 'deny'],
    [{ exec: 'git push' }, 'ask'],
    [{ exec: '$X' }, 'ask'],
    [{ write: '/etc/passwd' }, 'deny'],
    [{ tool: 'browse' }, 'deny'],
    [{ tool: 'shell' }, 'deny'],
    [{ model: 'b:x' }, 'deny'],
    [{ javascript: [] }, 'deny'],
    [{ export: ['a'] }, 'deny'],
  ])('lets %j pass, and says that its answer is %s', async (question, effect) => {
    expect(asked(await policyOf(POLICY), question)).toMatchObject({ effect, observed: true });
  });

  test.each<Question>([
    { open: { limits: { cpu: 3 } } },
    { open: { kinds: ['process'] } },
    { open: { image: 'other' } },
    { connect: 'https://a.test/' },
    { credential: { id: 'github', to: 'GET https://a.test/' } },
    { model: { name: 'a:x', usd: 2 } },
    // Its model is none that is listed, and the money counts all the same.
    { model: { name: 'b:x', usd: 2 } },
    { export: ['../a'] },
    { export: ['.git/config'] },
    { write: '/workspace/../etc/passwd' },
  ])('holds %j all the same', async (question) => {
    const decision = asked(await policyOf(POLICY), question);
    expect(decision.effect).toBe('deny');
    expect(decision).not.toHaveProperty('observed');
  });

  test('says nothing of observing where it allows', async () => {
    expect(asked(await policyOf(POLICY), { exec: 'ls' })).not.toHaveProperty('observed');
  });

  test('is another version than one that enforces', async () => {
    const [observing, enforcing] = [await policyOf('mode: observe'), await policyOf('mode: enforce')];
    expect([observing.mode, enforcing.mode, (await policyOf('')).mode]).toEqual(['observe', 'enforce', 'enforce']);
    expect(observing.hash).not.toBe(enforcing.hash);
  });

  test('is told apart from one that enforces by what is lent', async () => {
    expect(diffPolicies(await policyOf('mode: enforce'), await policyOf('mode: observe'), []).grant).toEqual([{ what: 'mode', was: 'enforce', now: 'observe' }]);
  });

  test.each([
    ['mode: observe', 'mode: observe', 'observe'],
    ['', 'mode: observe', 'enforce'],
    ['mode: enforce', 'mode: observe', 'enforce'],
    ['mode: observe', '', 'enforce'],
    ['mode: observe', 'mode: enforce', 'enforce'],
  ])('"%s" over "%s" gives %3$s: what enforces is stricter', async (child, parent, mode) => {
    const policy = await policyOf(`extends: parent\n${child}`, { parent: `name: parent\n${parent}` });
    expect(policy.mode).toBe(mode);
  });

  test('is told by lint, and so is a mode that has no effect', async () => {
    expect((await policyOf('mode: observe')).lint()).toMatchObject([{ rule: 'mode', line: 2, isNote: true }]);
    const [finding, ...more] = (await policyOf('extends: parent\nmode: observe', { parent: 'name: parent' })).lint();
    expect(finding).toMatchObject({ rule: 'mode', line: 3, text: expect.stringMatching(/^it has no effect: parent enforces/) });
    expect([finding?.isNote, more]).toEqual([undefined, []]);
  });
});

test.each((await new FilePolicies([SHIPPED]).names()).filter((name) => name !== 'observe'))('nobody below %s can observe', async (name) => {
  const policies = new FilePolicies([policyFolder({ p: `name: p\nextends: ${name}\nmode: observe` }), SHIPPED]);
  const policy = await policies.load('p');
  expect(policy.mode).toBe('enforce');
  const decision = asked(policy, { write: '/workspace/.git/hooks/pre-commit' });
  expect(decision.effect).toBe('deny');
  expect(decision).not.toHaveProperty('observed');
});
