import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MasterKeys, SecretStore } from '../../../src/broker/index.ts';
import { envelopeShape, masterKeyOf, open, seal } from '../../../src/broker/secrets/envelope.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const KEY = Buffer.alloc(32, 7).toString('base64');
const storeWith = (env: Readonly<Record<string, string>>) => new SecretStore({ folder: join(folder, 'secrets'), masterKeys: new MasterKeys({ env, stateDir: folder }), now: () => 1_700_000_000_000 });

test('a secret comes back as it was set, and is nowhere on the disk in the clear', async () => {
  const store = storeWith({});
  await store.set('github', 'ghp_the+whole/secret=value');
  expect(await storeWith({}).get('github')).toBe('ghp_the+whole/secret=value');
  expect(await store.list()).toEqual([{ name: 'github', setMs: 1_700_000_000_000 }]);
  const written = ['master.key', 'secrets/github.json'].map((name) => readFileSync(join(folder, name)));
  for (const form of ['the+whole/secret', Buffer.from('the+whole/secret').toString('base64').slice(1, -2), Buffer.from('the+whole').toString('hex')]) {
    for (const bytes of written) expect(bytes.includes(form)).toBe(false);
  }
  expect(statSync(join(folder, 'master.key')).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(folder, 'secrets')).sort()).toEqual(['.lock', 'github.json']);
});

test('a new value replaces the old one, and a removed secret is gone', async () => {
  const store = storeWith({});
  await store.set('a', 'one');
  await store.set('a', 'two');
  expect(await store.get('a')).toBe('two');
  await store.remove('a');
  await expect(store.get('a')).rejects.toMatchObject({ code: 'not_found' });
  await expect(store.remove('a')).rejects.toMatchObject({ code: 'not_found' });
  expect(await store.list()).toEqual([]);
});

test('ten processes that make the master key at once make one', async () => {
  const stores = Array.from({ length: 10 }, () => storeWith({}));
  await Promise.all(stores.map((store, i) => store.set(`s${i}`, `value ${i}`)));
  for (let i = 0; i < 10; i++) expect(await storeWith({}).get(`s${i}`)).toBe(`value ${i}`);
});

test.each([
  ['of a variable', { GLOVEBOX_MASTER_KEY: KEY }],
  ['of a variable, in hex', { GLOVEBOX_MASTER_KEY: Buffer.alloc(32, 7).toString('hex') }],
  ['of a command', { GLOVEBOX_MASTER_KEY_COMMAND: `printf %s ${KEY}` }],
])('the master key comes %s', async (_, env) => {
  await storeWith(env).set('a', 'value');
  expect(await storeWith({ GLOVEBOX_MASTER_KEY: KEY }).get('a')).toBe('value');
  expect(readdirSync(folder)).toEqual(['secrets']);
});

test('the master key comes of a file, which nobody else may read', async () => {
  const file = join(folder, 'key');
  writeFileSync(file, `${KEY}\n`, { mode: 0o644 });
  const store = storeWith({ GLOVEBOX_MASTER_KEY_FILE: file });
  await expect(store.set('a', 'value')).rejects.toThrow(/chmod 600/);
  chmodSync(file, 0o600);
  await store.set('a', 'value');
  expect(await storeWith({ GLOVEBOX_MASTER_KEY: KEY }).get('a')).toBe('value');
});

test.each([
  ['two sources', { GLOVEBOX_MASTER_KEY: KEY, GLOVEBOX_MASTER_KEY_COMMAND: 'true' }, /set one of them/],
  ['no key', { GLOVEBOX_MASTER_KEY: 'short' }, /expected 32 random bytes/],
  ['a missing file', { GLOVEBOX_MASTER_KEY_FILE: '/nonexistent/key' }, /cannot be read/],
  ['a command that fails', { GLOVEBOX_MASTER_KEY_COMMAND: 'echo topsecret; exit 3' }, /^GLOVEBOX_MASTER_KEY_COMMAND ended with 3$/],
  ['a command that floods', { GLOVEBOX_MASTER_KEY_COMMAND: 'yes' }, /printed too much|ERR_CHILD_PROCESS_STDIO_MAXBUFFER/],
])('%s is told', async (_, env, message) => {
  await expect(storeWith(env as Record<string, string>).set('a', 'value')).rejects.toThrow(message);
});

test('another master key opens nothing, and says which is wanted', async () => {
  await storeWith({ GLOVEBOX_MASTER_KEY: KEY }).set('a', 'value');
  await expect(storeWith({ GLOVEBOX_MASTER_KEY: Buffer.alloc(32, 8).toString('base64') }).get('a')).rejects.toMatchObject({ code: 'secret_unreadable' });
});

test('an envelope that was changed anywhere, or moved to another name, does not open', () => {
  const key = masterKeyOf(Buffer.alloc(32, 1));
  const sealed = seal(key, 'secret a', Buffer.from('value'));
  expect(open(key, 'secret a', sealed, '').toString()).toBe('value');
  expect(() => open(key, 'secret b', sealed, '')).toThrow(/changed/);
  for (const part of ['key', 'bytes'] as const) {
    for (let at = 0; at < sealed[part].length; at++) {
      const bytes = Buffer.from(sealed[part]);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      expect(() => open(key, 'secret a', { ...sealed, [part]: bytes }, '')).toThrow(/changed/);
    }
    expect(() => open(key, 'secret a', { ...sealed, [part]: sealed[part].subarray(0, 20) }, '')).toThrow(/changed/);
  }
  expect(envelopeShape.safeParse({ masterKey: 'x', key: '!', bytes: '' }).success).toBe(false);
});

test('the same value is sealed otherwise each time', () => {
  const key = masterKeyOf(Buffer.alloc(32, 1));
  const [one, other] = [seal(key, 'a', Buffer.from('value')), seal(key, 'a', Buffer.from('value'))];
  expect(one.bytes.equals(other.bytes)).toBe(false);
  expect(one.key.equals(other.key)).toBe(false);
});

test.each(['', '../a', 'A', 'a/b', 'a.json', 'x'.repeat(65)])('%j is no name', async (name) => {
  await expect(storeWith({}).set(name, 'value')).rejects.toMatchObject({ code: 'usage' });
  await expect(storeWith({}).get(name)).rejects.toMatchObject({ code: 'usage' });
});

test.each([['', /1 to/], ['a\0b', /NUL/], ['\ud800', /text/], ['x'.repeat(65_537), /1 to/]])('a value that cannot be one is refused', async (value, message) => {
  await expect(storeWith({}).set('a', value)).rejects.toThrow(message);
});

test('a file that is none of ours is an error, and no secret is missed', async () => {
  const store = storeWith({});
  await store.set('a', 'value');
  writeFileSync(join(folder, 'secrets', 'b.json'), '{"version":1}');
  await expect(store.list()).rejects.toMatchObject({ code: 'secret_unreadable' });
  writeFileSync(join(folder, 'secrets', 'b.json'), readFileSync(join(folder, 'secrets', 'a.json')));
  await expect(store.get('b')).rejects.toThrow(/file of a/);
});
