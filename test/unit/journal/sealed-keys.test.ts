import { createSecretKey, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { SealedKeys } from '../../../src/journal/index.ts';

test('a key opens only for what it was sealed for, unaltered, and for nobody once the key of its tenant was destroyed', async () => {
  const held = new Map([['acme/blobs/2026-11/1', { id: 'acme/blobs/2026-11/1', key: createSecretKey(randomBytes(32)) }]]);
  const sealed = new SealedKeys({
    sealing: (tenant, use) => held.get(`${tenant}/${use}/2026-11/1`) ?? expect.fail('another key'),
    opening: (id) => held.get(id),
  });
  const key = randomBytes(32);
  const text = await sealed.seal('acme', 'one file', key);
  expect(text).not.toContain(key.toString('base64'));
  expect(await sealed.open('one file', text)).toEqual(key);
  await expect(sealed.open('another file', text)).rejects.toThrow();
  held.clear();
  expect(await sealed.open('one file', text)).toBeUndefined();
});
