import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MasterKeys, SecretStore } from '../../../src/broker/index.ts';
import { masterKeyOf } from '../../../src/broker/secrets/envelope.ts';

/** A file of a secret as the first version of the program wrote it, under a key of 32 sevens. */
const FIRST_VERSION = {
  version: 1,
  name: 'github',
  setMs: 1_700_000_000_000,
  sealed: {
    masterKey: 'cbfa2e52d4d682f0',
    key: 'WvHqRRrMgrdEacRaPmsRT1TCiKqc4SLsE0HtUUgKptAeWkXsMQTOD/rA1kfum/5wKL885FJFfLxd7rm4',
    bytes: '+Bya+dq4CLyOZifuq2ENqSqaY4/Enh1zkWrVAzn3EYkOZ8/+pV5qrfw4UBQEEUTRMsjbpQ==',
  },
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const keyText = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
const idOf = (byte: number): string => masterKeyOf(Buffer.alloc(32, byte)).id;
const keysOf = (env: Readonly<Record<string, string>> = {}) => new MasterKeys({ env, stateDir: folder });

function keyFile(name: string, byte: number): string {
  const file = join(folder, name);
  writeFileSync(file, keyText(byte), { mode: 0o600 });
  return file;
}

test.each([
  ['a variable', () => ({ GLOVEBOX_PREVIOUS_MASTER_KEY: keyText(1) })],
  ['a file', () => ({ GLOVEBOX_PREVIOUS_MASTER_KEY_FILE: keyFile('before', 1) })],
  ['a command', () => ({ GLOVEBOX_PREVIOUS_MASTER_KEY_COMMAND: `echo ${keyText(1)}` })],
])('the key before comes of %s: it opens, and seals nothing', async (_, previous) => {
  const old = await keysOf({ GLOVEBOX_MASTER_KEY: keyText(1) }).seal('a', Buffer.from('value'));
  const keys = keysOf({ GLOVEBOX_MASTER_KEY: keyText(2), ...previous() });
  expect((await keys.open('a', old)).toString()).toBe('value');
  expect((await keys.seal('a', Buffer.from('value'))).masterKey).toBe(idOf(2));
  const rewrapped = await keys.rewrap('a', old);
  expect([old.masterKey, rewrapped?.masterKey, await keys.rewrap('a', rewrapped ?? old)]).toEqual([idOf(1), idOf(2), undefined]);
  // Only what is small was made anew.
  expect(rewrapped?.bytes.equals(old.bytes)).toBe(true);
  expect((await keysOf({ GLOVEBOX_MASTER_KEY: keyText(2) }).open('a', rewrapped ?? old)).toString()).toBe('value');
  await expect(keys.rewrap('b', old)).rejects.toMatchObject({ code: 'secret_unreadable', message: expect.stringContaining('was changed') });
});

test('an empty file of the key before is none, and one of the key itself is an error', async () => {
  const empty = join(folder, 'empty');
  writeFileSync(empty, '\n', { mode: 0o600 });
  expect(await keysOf({ GLOVEBOX_MASTER_KEY: keyText(1), GLOVEBOX_PREVIOUS_MASTER_KEY_FILE: empty }).inHand()).toEqual({ sealing: { id: idOf(1), where: 'GLOVEBOX_MASTER_KEY' }, others: [], isOwn: false });
  await expect(keysOf({ GLOVEBOX_MASTER_KEY_FILE: empty }).inHand()).rejects.toMatchObject({ code: 'config_invalid' });
});

test('whoever runs while a file is written anew seals under what is in it, and opens what was sealed before and after', async () => {
  const file = keyFile('given', 1);
  const keys = keysOf({ GLOVEBOX_MASTER_KEY_FILE: file });
  const before = await keysOf({ GLOVEBOX_MASTER_KEY: keyText(1) }).seal('a', Buffer.from('before'));
  // So it has looked a moment ago.
  await keys.open('a', before);
  keyFile('given', 2);
  const after = await keysOf({ GLOVEBOX_MASTER_KEY: keyText(2) }).seal('a', Buffer.from('after'));
  expect((await keys.open('a', after)).toString()).toBe('after');
  expect((await keys.open('a', before)).toString()).toBe('before');
  expect((await keys.seal('a', Buffer.from('now'))).masterKey).toBe(idOf(2));
});

test('a command is asked once, and again where an envelope names a key that is not known', async () => {
  const asked = join(folder, 'asked');
  const file = keyFile('printed', 1);
  const keys = keysOf({ GLOVEBOX_MASTER_KEY_COMMAND: `echo >> ${asked}; cat ${file}` });
  const before = await keys.seal('a', Buffer.from('before'));
  await keys.open('a', before);
  await keys.seal('a', Buffer.from('before'));
  expect(readFileSync(asked, 'utf8')).toBe('\n');
  keyFile('printed', 2);
  const after = await keysOf({ GLOVEBOX_MASTER_KEY: keyText(2) }).seal('a', Buffer.from('after'));
  expect((await keys.open('a', after)).toString()).toBe('after');
  expect((await keys.seal('a', Buffer.from('now'))).masterKey).toBe(idOf(2));
});

test('of keys that are made here the newest seals, and none is ever written over, however many make the next one at once', async () => {
  const [one, other] = [keysOf(), keysOf()];
  const first = await one.seal('a', Buffer.from('first'));
  expect(await one.inHand()).toMatchObject({ sealing: { id: first.masterKey, where: join(folder, 'master.key') }, others: [], isOwn: true });
  const text = readFileSync(join(folder, 'master.key'), 'utf8');
  const { sealing } = await one.inHand();
  await Promise.all([one, other, keysOf()].map((keys) => keys.renew(sealing)));
  await other.renew(sealing);
  expect(readdirSync(folder).sort()).toEqual(['master.2.key', 'master.key']);
  expect(readFileSync(join(folder, 'master.key'), 'utf8')).toBe(text);
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  const second = await other.seal('a', Buffer.from('second'));
  expect(second.masterKey).not.toBe(first.masterKey);
  // With the first gone no other is made in its place.
  rmSync(join(folder, 'master.key'));
  expect((await keysOf().open('a', second)).toString()).toBe('second');
  await expect(keysOf().open('a', first)).rejects.toMatchObject({ code: 'secret_unreadable' });
  expect(readdirSync(folder)).not.toContain('master.key');
});

test('a secret that was written before there were several keys opens, and so does its file after they were changed', async () => {
  const store = new SecretStore({ folder: join(folder, 'secrets'), masterKeys: keysOf({ GLOVEBOX_MASTER_KEY: keyText(2), GLOVEBOX_PREVIOUS_MASTER_KEY: keyText(7) }), now: () => 2 });
  await store.set('other', 'x');
  writeFileSync(join(folder, 'secrets', 'github.json'), `${JSON.stringify(FIRST_VERSION)}\n`);
  expect(await store.get('github')).toBe('ghp_of the first version');
  for await (const envelope of store.envelopes()) await envelope.rewrap();
  const rewritten = JSON.parse(readFileSync(join(folder, 'secrets', 'github.json'), 'utf8')) as typeof FIRST_VERSION;
  expect(rewritten).toEqual({ ...FIRST_VERSION, sealed: { ...FIRST_VERSION.sealed, masterKey: idOf(2), key: expect.any(String) as unknown } });
  expect(await store.list()).toEqual([{ name: 'github', setMs: 1_700_000_000_000 }, { name: 'other', setMs: 2 }]);
});
