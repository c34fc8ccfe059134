import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Principal, randomIds, systemClock } from '../../../src/contracts/index.ts';
import { SqliteJournal } from '../../../src/journal/index.ts';
import { readAuthority } from '../../../src/policy/index.ts';
import { Session } from '../../../src/session/index.ts';
import { policyOf, policyWithRules } from '../policy/policies.ts';
import { FakeSandboxes } from '../runs/fake-sandboxes.ts';

test('who may begin none is refused, and that is written down', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-principal-'));
  const journal = new SqliteJournal(join(folder, 'journal.db'));
  onTestFinished(async () => {
    await journal[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const ports = { journal, sandboxes: new FakeSandboxes(() => ({})), clock: systemClock, ids: randomIds(systemClock), authority: await readAuthority('/nowhere/roles.yaml') };
  const principal = { tenant: 'local', name: 'user:ann', roles: ['viewer'] };
  await expect(Session.open(ports, { principal, policy: await policyOf('') })).rejects.toMatchObject({ code: 'denied' });
  const [{ stream } = { stream: '' }] = await journal.streams();
  expect((await journal.read(stream)).map(({ type, data }) => [type, 'why' in data ? data.why : undefined])).toEqual([
    ['session.opened', undefined],
    ['session.closed', 'no role of user:ann lets him begin a session'],
  ]);
});

test('a session asks in the name of its principal, and writes down who that was', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-principal-'));
  const journal = new SqliteJournal(join(folder, 'journal.db'));
  onTestFinished(async () => {
    await journal[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const policy = await policyWithRules(
    'forbid (principal, action == Action::"command.exec", resource == Program::"deploy") unless { principal in Role::"operator" && principal in Tenant::"acme" };\nforbid (principal, action == Action::"session.open", resource) when { principal.user == "user:eve" };',
  );
  const causes = async (principal: Principal): Promise<string> => {
    await using session = await Session.open({ journal, sandboxes: new FakeSandboxes(() => ({})), clock: systemClock, ids: randomIds(systemClock) }, { principal, policy });
    expect((await journal.read(session.id))[0]).toMatchObject({ type: 'session.opened', data: { principal: principal.name, tenant: principal.tenant, roles: principal.roles } });
    return (await (await (await session.sandbox('test')).exec({ argv: ['deploy'] })).end).cause;
  };
  const ann = { tenant: 'acme', name: 'user:ann', roles: ['operator'] };
  expect(await causes(ann)).toBe('exited');
  expect(await causes({ ...ann, roles: ['viewer'] })).toBe('policy');
  expect(await causes({ ...ann, tenant: 'other' })).toBe('policy');
  await expect(causes({ ...ann, name: 'user:eve' })).rejects.toMatchObject({ code: 'denied' });
});
