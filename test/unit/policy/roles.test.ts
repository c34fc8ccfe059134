import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Authority, PERMISSIONS } from '../../../src/contracts/index.ts';
import { readAuthority } from '../../../src/policy/index.ts';

function authorityOf(text: string): Promise<Authority> {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-roles-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'roles.yaml'), text);
  return readAuthority(join(folder, 'roles.yaml'));
}

const USERS = ['viewer', 'operator', 'approver', 'administrator'].map((role) => `  ${role}: { tenant: acme, roles: [${role}] }`).join('\n');

function permissions(authority: Authority, user: string, tenant = 'acme'): readonly string[] {
  const principal = authority.principal(user);
  return PERMISSIONS.filter((permission) => authority.may(principal, permission, tenant));
}

describe('roles.yaml', () => {
  test('has the four roles, and nobody reaches into another tenant', async () => {
    const authority = await authorityOf(`users:\n${USERS}\n`);
    expect(permissions(authority, 'viewer')).toEqual(['read']);
    expect(permissions(authority, 'operator')).toEqual(['read', 'start']);
    expect(permissions(authority, 'approver')).toEqual(['read', 'approve']);
    expect(permissions(authority, 'administrator')).toEqual([...PERMISSIONS]);
    expect(permissions(authority, 'administrator', 'other')).toEqual([]);
    expect(authority.principal('approver')).toEqual({ tenant: 'acme', name: 'user:approver', roles: ['approver', 'viewer'] });
  });

  test('has roles of one’s own, which include others, round in circles too', async () => {
    const authority = await authorityOf('roles:\n  lead: { includes: [approver, second] }\n  second: { may: [start], includes: [lead] }\n  empty: {}\nusers:\n  ann: { tenant: acme, roles: [lead] }\n  bob: { tenant: acme, roles: [empty] }\n');
    expect(permissions(authority, 'ann')).toEqual(['read', 'start', 'approve']);
    expect(authority.principal('ann').roles).toEqual(['approver', 'lead', 'second', 'viewer']);
    expect(permissions(authority, 'bob')).toEqual([]);
  });

  test('knows nobody who is not in it, by whatever name', async () => {
    const authority = await authorityOf(`users:\n${USERS}\n`);
    for (const user of ['eve', '__proto__', 'constructor', '']) expect(() => authority.principal(user)).toThrow(expect.objectContaining({ code: 'denied' }));
    // A role that a request made up is one that lets nobody do anything.
    expect(authority.may({ tenant: 'acme', name: 'user:eve', roles: ['root', '__proto__'] }, 'read', 'acme')).toBe(false);
  });

  test.each([
    ['users:\n  ann: { tenant: acme, roles: [oprator] }\n', 'users.ann.roles[0]: expected one of viewer, operator, approver, administrator, found oprator (perhaps operator)'],
    ['roles:\n  viewer: { may: [approve] }\nusers: {}\n', ': roles.viewer: expected another name'],
    ['roles:\n  lead: { includes: [boss] }\nusers: {}\n', 'roles.lead.includes[0]: expected one of lead, viewer'],
    ['roles:\n  lead: { may: [everything] }\nusers: {}\n', 'roles.lead.may[0]: expected one of read, start, approve, administer'],
    ['users:\n  ann: { tenant: "a\\" || true", roles: [viewer] }\n', 'users.ann.tenant: expected letters, digits'],
    ['roles: {}\n', 'users'],
  ])('that is wrong is told with its place: %j', async (text, expected) => {
    await expect(authorityOf(text)).rejects.toMatchObject({ code: 'policy_invalid', message: expect.stringContaining(expected) });
  });
});

test('without a file everybody on this machine is an administrator of the tenant local', async () => {
  const authority = await readAuthority('/nowhere/roles.yaml');
  expect(authority.principal('ann')).toEqual({ tenant: 'local', name: 'user:ann', roles: ['administrator', 'approver', 'operator', 'viewer'] });
  expect(permissions(authority, 'ann', 'local')).toEqual([...PERMISSIONS]);
  expect(permissions(authority, 'ann', 'acme')).toEqual([]);
});
