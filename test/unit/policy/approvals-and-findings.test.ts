import { describe, expect, test } from 'vitest';
import type { DecisionRequest, PatchFindings } from '../../../src/contracts/index.ts';
import { policyOf } from './policies.ts';

describe('what the host found in a patch', () => {
  const leaving = (found: Partial<PatchFindings>): DecisionRequest => ({ action: 'export.patch', paths: ['a'], bytes: 1, found: { secrets: [], binaries: [], links: [], ...found } });

  test('denies or asks as the policy says, with what was found', async () => {
    const policy = await policyOf('export: { secrets: deny, binary: ask, symlinks: deny }');
    expect(policy.decide(leaving({}))).toMatchObject({ effect: 'allow' });
    expect(policy.decide(leaving({ secrets: ['a:3 aws', 'b:1 npm'] }))).toMatchObject({ effect: 'deny', reason: { rule: 'export.secrets', text: 'a:3 aws: it may hold a credential' }, lost: [{ text: 'b:1 npm: it may hold a credential' }] });
    expect(policy.decide(leaving({ binaries: ['a.png'] }))).toMatchObject({ effect: 'ask', reason: { rule: 'export.binary' } });
    expect(policy.decide(leaving({ links: ['a -> /etc'] }))).toMatchObject({ effect: 'deny', reason: { rule: 'export.symlinks' } });
  });

  test('is nobody’s concern where the policy does not say so, and no layer below undoes what one says', async () => {
    const found = leaving({ secrets: ['a:3 aws'] });
    expect((await policyOf('export: {}')).decide(found).effect).toBe('allow');
    expect((await policyOf('extends: q\nexport: { secrets: ask }', { q: 'name: q\nexport: { secrets: deny }' })).decide(found).effect).toBe('deny');
    expect((await policyOf('extends: q\nexport: {}', { q: 'name: q\nexport: { secrets: ask }' })).decide(found).effect).toBe('ask');
  });
});

describe('approvals', () => {
  test('are for roles that every layer names, as long as the shortest says, and for oneself only where all say so', async () => {
    expect((await policyOf('')).grant.approvals).toBeUndefined();
    expect((await policyOf('approvals: {}')).grant.approvals).toEqual({ by: ['approver'], expiresMs: 86_400_000, own: false });
    const above = { q: 'name: q\napprovals: { by: [approver, lead], expires: 2h, own: true }' };
    expect((await policyOf('extends: q', above)).grant.approvals).toEqual({ by: ['approver', 'lead'], expiresMs: 7_200_000, own: true });
    expect((await policyOf('extends: q\napprovals: { by: [lead, other], expires: 24h }', above)).grant.approvals).toEqual({ by: ['lead'], expiresMs: 7_200_000, own: false });
    await expect(policyOf('extends: q\napprovals: { by: [other] }', above)).rejects.toThrow('approvals.by: expected a role that the policies above name (q: approver, lead), found other');
  });
});
