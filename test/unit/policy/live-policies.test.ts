import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FilePolicies, LivePolicies, type PolicyReload } from '../../../src/policy/index.ts';
import { policyFolder } from './policies.ts';

const TOOLS = (name: string, ...tools: string[]): string => `name: ${name}\ntools: { allow: [${tools.join(', ')}] }\n`;

/** Policies in folders, and what is told of them. */
class Rig {
  readonly live: LivePolicies;
  readonly told: PolicyReload[] = [];
  #heard: () => void = () => {};

  constructor(folders: readonly string[], { quietMs = 30, pollMs = 50 } = {}) {
    this.live = new LivePolicies(new FilePolicies(folders), {
      quietMs,
      pollMs,
      onReload: (reload) => {
        this.told.push(reload);
        this.#heard();
      },
    });
    onTestFinished(() => this.live[Symbol.asyncDispose]());
  }

  /** Whether the policy lets a tool be called. */
  async allows(policy: string, tool: string): Promise<boolean> {
    return (await this.live.load(policy)).decide({ action: 'tool.call', tool, version: '1' }).effect === 'allow';
  }

  /** The next so many reports. Fails in 20 s. */
  async hears(count: number): Promise<readonly PolicyReload[]> {
    const deadline = AbortSignal.timeout(20_000);
    while (this.told.length < count) {
      await new Promise<void>((resolve, reject) => {
        this.#heard = resolve;
        deadline.addEventListener('abort', () => reject(new Error(`in 20 s only this was told: ${JSON.stringify(this.told)}`)), { once: true });
      });
    }
    return this.told;
  }
}

/** With polling alone, so to speak: nobody would wait that long. */
const WATCHED = { pollMs: 2 ** 30 };

describe.each([
  ['watched', WATCHED],
  ['polled', { pollMs: 20 }],
])('policies that are %s', (_, how) => {
  test('change with their file, and whoever has one keeps it', async () => {
    const folder = policyFolder({ p: TOOLS('p', 'shell') });
    const rig = new Rig([folder], how);
    const before = await rig.live.load('p');
    writeFileSync(join(folder, 'p/policy.yaml'), TOOLS('p', 'edit'));
    const [reload] = await rig.hears(1);
    const after = await rig.live.load('p');
    expect(reload).toEqual({ policy: 'p', outcome: 'changed', was: before.hash, hash: after.hash });
    expect([await rig.allows('p', 'shell'), await rig.allows('p', 'edit')]).toEqual([false, true]);
    expect(before.decide({ action: 'tool.call', tool: 'shell', version: '1' }).effect).toBe('allow');
    expect(before.decide({ action: 'tool.call', tool: 'edit', version: '1' }).effect).toBe('deny');
  });

  test('change with a file that is renamed into its place', async () => {
    const folder = policyFolder({ p: TOOLS('p', 'shell') });
    const rig = new Rig([folder], how);
    await rig.live.load('p');
    for (const [i, tool] of ['edit', 'browse'].entries()) {
      writeFileSync(join(folder, 'new.yaml'), TOOLS('p', tool));
      renameSync(join(folder, 'new.yaml'), join(folder, 'p/policy.yaml'));
      expect((await rig.hears(i + 1))[i]).toMatchObject({ outcome: 'changed' });
      expect(await rig.allows('p', tool)).toBe(true);
    }
  });

  test('stay as they are while their file is half written, and say what is wrong with it', async () => {
    const folder = policyFolder({ p: TOOLS('p', 'shell') });
    const rig = new Rig([folder], how);
    const { hash } = await rig.live.load('p');
    writeFileSync(join(folder, 'p/policy.yaml'), 'name: p\ntools: { allow: [ed');
    const [kept] = await rig.hears(1);
    expect(kept).toMatchObject({ policy: 'p', outcome: 'kept', hash, error: { code: 'policy_invalid', message: expect.stringMatching(/p\/policy\.yaml:2:/) } });
    expect(await rig.allows('p', 'shell')).toBe(true);
    writeFileSync(join(folder, 'p/policy.yaml'), TOOLS('p', 'edit'));
    expect((await rig.hears(2))[1]).toMatchObject({ outcome: 'changed', was: hash });
    expect(await rig.allows('p', 'edit')).toBe(true);
  });

  test('change with what they extend, and stay where that is gone until it is back', async () => {
    const folder = policyFolder({ p: 'name: p\nextends: above\n', above: TOOLS('above', 'shell', 'edit') });
    const rig = new Rig([folder], how);
    await rig.live.load('p');
    writeFileSync(join(folder, 'above/policy.yaml'), TOOLS('above', 'edit'));
    expect(await rig.hears(1)).toMatchObject([{ policy: 'p', outcome: 'changed' }]);
    expect([await rig.allows('p', 'shell'), await rig.allows('p', 'edit')]).toEqual([false, true]);
    rmSync(join(folder, 'above/policy.yaml'));
    expect((await rig.hears(2))[1]).toMatchObject({ policy: 'p', outcome: 'kept', error: { code: 'policy_not_found' } });
    expect(await rig.allows('p', 'edit')).toBe(true);
    writeFileSync(join(folder, 'above/policy.yaml'), TOOLS('above', 'browse'));
    expect((await rig.hears(3))[2]).toMatchObject({ policy: 'p', outcome: 'changed' });
    expect([await rig.allows('p', 'edit'), await rig.allows('p', 'browse')]).toEqual([false, true]);
  });

  test('change with a rules.cedar that comes, and goes', async () => {
    const folder = policyFolder({ p: TOOLS('p', 'shell') });
    const rig = new Rig([folder], how);
    await rig.live.load('p');
    writeFileSync(join(folder, 'p/rules.cedar'), 'forbid (principal, action == Action::"tool.call", resource == Tool::"shell");');
    await rig.hears(1);
    expect(await rig.allows('p', 'shell')).toBe(false);
    writeFileSync(join(folder, 'p/rules.cedar'), 'permit (principal, action, resource);');
    expect((await rig.hears(2))[1]).toMatchObject({ outcome: 'kept' });
    expect(await rig.allows('p', 'shell')).toBe(false);
    rmSync(join(folder, 'p/rules.cedar'));
    await rig.hears(3);
    expect(await rig.allows('p', 'shell')).toBe(true);
  });

  test('stay where their file is removed', async () => {
    const folder = policyFolder({ p: TOOLS('p', 'shell') });
    const rig = new Rig([folder], how);
    await rig.live.load('p');
    rmSync(join(folder, 'p/policy.yaml'));
    expect(await rig.hears(1)).toMatchObject([{ outcome: 'kept', error: { code: 'policy_not_found' } }]);
    expect(await rig.allows('p', 'shell')).toBe(true);
  });

  test('take files that are written together for one version', async () => {
    const folder = policyFolder({ p: 'name: p\nextends: above\ntools: { allow: [shell] }\n', above: TOOLS('above', 'shell') });
    const rig = new Rig([folder], { ...how, quietMs: 200 });
    await rig.live.load('p');
    // Between the two nothing would be allowed.
    writeFileSync(join(folder, 'above/policy.yaml'), TOOLS('above', 'edit'));
    writeFileSync(join(folder, 'p/policy.yaml'), 'name: p\nextends: above\ntools: { allow: [edit] }\n');
    expect(await rig.hears(1)).toMatchObject([{ outcome: 'changed' }]);
    expect(await rig.allows('p', 'edit')).toBe(true);
    // What comes after it is the next thing to be told: there was nothing in between.
    writeFileSync(join(folder, 'p/policy.yaml'), '[');
    expect((await rig.hears(2)).map(({ outcome }) => outcome)).toEqual(['changed', 'kept']);
  });
});

test('a policy in a folder that comes first, and came later, is found', async () => {
  const [first, second] = [policyFolder({}), policyFolder({ p: TOOLS('p', 'shell') })];
  const rig = new Rig([first, second]);
  await rig.live.load('p');
  mkdirSync(join(first, 'p'));
  writeFileSync(join(first, 'p/policy.yaml'), TOOLS('p', 'edit'));
  expect(await rig.hears(1)).toMatchObject([{ outcome: 'changed' }]);
  expect((await rig.live.load('p')).file).toBe(join(first, 'p/policy.yaml'));
});

test('another layout is the same version: nothing is told, and lines are those of the file', async () => {
  const folder = policyFolder({ p: TOOLS('p', 'shell') });
  const rig = new Rig([folder]);
  const { hash } = await rig.live.load('p');
  writeFileSync(join(folder, 'p/policy.yaml'), `# a comment\n${TOOLS('p', 'shell')}`);
  await expect.poll(async () => (await rig.live.load('p')).rules[0]?.line, { timeout: 20_000 }).toBe(3);
  expect((await rig.live.load('p')).hash).toBe(hash);
  expect(rig.told).toEqual([]);
});

test('what was never valid is not kept, and is read again when it is asked for', async () => {
  const folder = policyFolder({ p: 'name: q\n' });
  const rig = new Rig([folder]);
  await expect(rig.live.load('p')).rejects.toMatchObject({ code: 'policy_invalid' });
  writeFileSync(join(folder, 'p/policy.yaml'), TOOLS('p', 'shell'));
  expect(await rig.allows('p', 'shell')).toBe(true);
});
