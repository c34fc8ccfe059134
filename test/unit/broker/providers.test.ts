// Vault, GitHub and the token endpoint are stand-ins on 127.0.0.1 that were written by hand after the vendors' documents of their APIs.
import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CredentialSources, Credentials, KnownSecrets, LentRecords, MasterKeys, SecretStore } from '../../../src/broker/index.ts';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Answer = (asked: Asked) => { readonly status?: number; readonly json?: unknown; readonly raw?: string; readonly headers?: Record<string, string> } | undefined;

/** A server that answers as it is told and remembers what it was asked. */
class StandIn implements AsyncDisposable {
  readonly asked: Asked[] = [];
  answer: Answer = () => undefined;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const piece of request) body += String(piece);
    const asked = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
    this.asked.push(asked);
    const answer = this.answer(asked);
    if (answer === undefined) return; // it never answers
    const { status = 200, json, raw, headers } = answer;
    response.writeHead(status, headers).end(raw ?? (json === undefined ? '' : JSON.stringify(json)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const signal = AbortSignal.timeout(60_000);
let folder: string;
let server: StandIn;
let address: string;
let nowMs: number;
let store: SecretStore;
let masterKeys: MasterKeys;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-providers-'));
  server = new StandIn();
  address = await server.start();
  nowMs = 1_700_000_000_000;
  masterKeys = new MasterKeys({ env: {}, stateDir: folder });
  store = new SecretStore({ folder: join(folder, 'secrets'), masterKeys, now: () => nowMs });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function credentials({ yaml = '', env = {}, owner = 'us', dead = [] as readonly string[] } = {}): Credentials {
  const file = join(folder, 'credentials.yaml');
  writeFileSync(file, yaml);
  const sources = new CredentialSources({ file, store, env, now: () => nowMs });
  const records = new LentRecords({ folder: join(folder, 'lent'), masterKeys });
  return new Credentials({ sources, records, ownership: { name: owner, isDead: (text) => dead.includes(text) }, known: new KnownSecrets(), now: () => nowMs });
}

async function one(from: Credentials, id: string) {
  const [lease] = await from.lend([id], signal);
  if (lease === undefined) throw new Error('nothing was lent');
  return lease;
}

describe('the store, a variable and a file', () => {
  test('a new value is found after half a minute, behind the same placeholder, and the old one is still known', async () => {
    await store.set('npm', 'npm_oldoldoldold');
    await using lease = await one(credentials(), 'npm');
    const { placeholder } = lease;
    await store.set('npm', 'npm_newnewnewnew');
    expect(await lease.value()).toBe('npm_oldoldoldold');
    nowMs += 31_000;
    expect(await lease.value()).toBe('npm_newnewnewnew');
    expect(lease.pairs).toEqual([{ secret: 'npm_oldoldoldold', placeholder }, { secret: 'npm_newnewnewnew', placeholder }]);
  });

  test('a value that is gone is no longer lent', async () => {
    await store.set('npm', 'npm_oldoldoldold');
    await using lease = await one(credentials(), 'npm');
    await store.remove('npm');
    nowMs += 31_000;
    await expect(lease.value()).rejects.toMatchObject({ code: 'credential_unavailable' });
  });

  test('come from where the operator says', async () => {
    writeFileSync(join(folder, 'token'), 'of-a-file\n');
    const from = credentials({ yaml: `a: { provider: environment, variable: TOKEN }\nb: { provider: file, path: ${join(folder, 'token')} }\n`, env: { TOKEN: 'of-a-variable' } });
    const leases = await from.lend(['a', 'b'], signal);
    expect(await Promise.all(leases.map((lease) => lease.value()))).toEqual(['of-a-variable', 'of-a-file']);
  });

  test.each([
    ['a secret that is not there', '', 'npm', /no secret npm/],
    ['a variable that is not set', 'npm: { provider: environment, variable: NPM_TOKEN }', 'npm', /NPM_TOKEN is not set/],
    ['a file that is not there', 'npm: { provider: file, path: /nonexistent }', 'npm', /ENOENT/],
  ])('%s lends nothing', async (_, yaml, id, message) => {
    await store.set('other', 'value-value');
    await expect(credentials({ yaml }).lend(['other', id], signal)).rejects.toThrow(message);
  });

  test('a lease that is over gives nothing', async () => {
    await store.set('npm', 'npm_oldoldoldold');
    const lease = await one(credentials(), 'npm');
    await lease[Symbol.asyncDispose]();
    await expect(lease.value()).rejects.toThrow(/is over/);
  });
});

describe('Vault', () => {
  const yaml = (path: string) => `db: { provider: vault, address: "${address}", token: vault-token, path: ${path}, field: password, namespace: team }`;
  beforeEach(() => store.set('vault-token', 'hvs.the-token'));

  test.each([
    ['1', { data: { password: 'pass-word-1' } }],
    ['2', { data: { data: { password: 'pass-word-1' }, metadata: { version: 3 } }, lease_id: '', lease_duration: 0 }],
  ])('a value of the key-value engine, version %s', async (_, json) => {
    server.answer = () => ({ json });
    await using lease = await one(credentials({ yaml: yaml('secret/data/db') }), 'db');
    expect(await lease.value()).toBe('pass-word-1');
    expect(server.asked).toMatchObject([{ method: 'GET', url: '/v1/secret/data/db', headers: { 'x-vault-token': 'hvs.the-token', 'x-vault-namespace': 'team' } }]);
  });

  test('a lease is renewed in time, and revoked at the end', async () => {
    server.answer = ({ url }) => (url.endsWith('/renew') ? { json: { lease_duration: 60 } } : url.endsWith('/revoke') ? { status: 204 } : { json: { lease_id: 'database/creds/r/1', renewable: true, lease_duration: 60, data: { password: 'pass-word-1' } } });
    const lease = await one(credentials({ yaml: yaml('database/creds/r') }), 'db');
    nowMs += 41_000;
    expect(await lease.value()).toBe('pass-word-1');
    expect(await lease.value()).toBe('pass-word-1');
    await lease[Symbol.asyncDispose]();
    await lease[Symbol.asyncDispose]();
    expect(server.asked.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['GET', '/v1/database/creds/r', ''],
      ['PUT', '/v1/sys/leases/renew', '{"lease_id":"database/creds/r/1"}'],
      ['PUT', '/v1/sys/leases/revoke', '{"lease_id":"database/creds/r/1","sync":true}'],
    ]);
  });

  test('a lease at the end of its longest life is replaced by another, and revoked', async () => {
    let made = 0;
    server.answer = ({ url }) => (url.endsWith('/renew') ? { json: { lease_duration: 3 } } : url.endsWith('/revoke') ? { status: 204 } : { json: { lease_id: `r/${(made += 1)}`, lease_duration: 60, data: { password: `pass-word-${made}` } } });
    await using lease = await one(credentials({ yaml: yaml('database/creds/r') }), 'db');
    nowMs += 41_000;
    const both = await Promise.all([lease.value(), lease.value()]);
    expect(both).toEqual(['pass-word-2', 'pass-word-2']);
    expect(server.asked.filter(({ url }) => url.endsWith('/revoke')).map(({ body }) => body)).toEqual(['{"lease_id":"r/1","sync":true}']);
  });

  test.each([
    ['a refusal', { status: 403, json: { errors: ['hvs.the-token is not allowed'] } }, /answered GET \/v1\/secret\/db with 403/],
    ['an answer that is no JSON', { raw: 'pass-word-1 <html>' }, /is no JSON/],
    ['another shape', { json: { data: 'pass-word-1' } }, /a shape that is not known/],
    ['another field', { json: { data: { user: 'pass-word-1' } } }, /no text in the field password/],
    ['a redirect', { status: 307, headers: { location: 'http://127.0.0.1:1/' } }, /cannot be asked/],
    ['a flood', { raw: 'x'.repeat(2_000_000) }, /more than 1048576 bytes/],
  ])('%s lends nothing, and what it said is in no error', async (_, answer, message) => {
    server.answer = () => answer;
    const failure = await credentials({ yaml: yaml('secret/db') }).lend(['db'], signal).then(() => new Error('it was lent'), (error: Error) => error);
    expect(failure.message).toMatch(message);
    expect(JSON.stringify(failure) + failure.stack).not.toMatch(/hvs\.the|pass-word/);
  });

  test('one that is down fails the lease, and what was lent beside it is given back', async () => {
    server.answer = ({ url }) => (url.endsWith('/revoke') ? { status: 204 } : { json: { lease_id: 'r/1', lease_duration: 60, data: { password: 'pass-word-1' } } });
    const from = credentials({ yaml: `${yaml('database/creds/r')}\ndown: { provider: vault, address: "http://127.0.0.1:1", token: vault-token, path: a, field: b }` });
    await expect(from.lend(['db', 'down'], signal)).rejects.toMatchObject({ code: 'credential_unavailable' });
    expect(server.asked.at(-1)).toMatchObject({ url: '/v1/sys/leases/revoke' });
  });

  test('one that never answers is not waited for when the caller gives up', async () => {
    const stop = new AbortController();
    const lending = credentials({ yaml: yaml('secret/db') }).lend(['db'], stop.signal);
    stop.abort();
    await expect(lending).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('after a crash', () => {
  const yaml = () => `db: { provider: vault, address: "${address}", token: vault-token, path: database/creds/r, field: password }`;
  let up = true;
  beforeEach(async () => {
    up = true;
    await store.set('vault-token', 'hvs.the-token');
    server.answer = ({ url }) => (url.endsWith('/revoke') ? { status: up ? 204 : 503 } : { json: { lease_id: 'r/1', lease_duration: 60, data: { password: 'pass-word-1' } } });
  });
  const revocations = () => server.asked.filter(({ url }) => url.endsWith('/revoke')).length;

  test('the next start revokes what a dead process had been lent, once, and nothing of the living', async () => {
    await one(credentials({ yaml: yaml(), owner: 'dead one' }), 'db');
    await one(credentials({ yaml: yaml(), owner: 'living' }), 'db');
    const next = credentials({ yaml: yaml(), dead: ['dead one'] });
    expect(await next.sweep(signal)).toEqual({ revoked: ['db'], failed: [] });
    expect(await next.sweep(signal)).toEqual({ revoked: [], failed: [] });
    expect(revocations()).toBe(1);
  });

  test('what cannot be revoked now is tried again', async () => {
    await one(credentials({ yaml: yaml(), owner: 'dead one' }), 'db');
    const next = credentials({ yaml: yaml(), dead: ['dead one'] });
    up = false;
    expect(await next.sweep(signal)).toMatchObject({ revoked: [], failed: [expect.stringContaining('503')] });
    up = true;
    expect(await next.sweep(signal)).toMatchObject({ revoked: ['db'], failed: [] });
  });

  test('and a session whose provider was down at its end leaves it to the sweep', async () => {
    const lease = await one(credentials({ yaml: yaml(), owner: 'dead one' }), 'db');
    up = false;
    await lease[Symbol.asyncDispose]();
    up = true;
    expect(await credentials({ yaml: yaml(), dead: ['dead one'] }).sweep(signal)).toMatchObject({ revoked: ['db'] });
  });
});

test('a GitHub App lends a token narrowed to repositories and permissions, and revokes it', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await store.set('app-key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  server.answer = ({ method }) => (method === 'DELETE' ? { status: 204 } : { status: 201, json: { token: 'ghs_installation_token', expires_at: new Date(nowMs + 3_600_000).toISOString() } });
  const lease = await one(credentials({ yaml: `github: { provider: github-app, api: "${address}", app: 1234, installation: 42, key: app-key, repositories: [widgets], permissions: { contents: write } }` }), 'github');
  expect(await lease.value()).toBe('ghs_installation_token');
  expect(lease.placeholder).toMatch(/^ghs_[a-z]/);
  await lease[Symbol.asyncDispose]();
  const [lent, revoked] = server.asked;
  expect(lent).toMatchObject({ method: 'POST', url: '/app/installations/42/access_tokens', body: '{"repositories":["widgets"],"permissions":{"contents":"write"}}' });
  expect(revoked).toMatchObject({ method: 'DELETE', url: '/installation/token', headers: { authorization: 'Bearer ghs_installation_token' } });
  const [head = '', claims = '', signature = ''] = lent?.headers.authorization?.slice('Bearer '.length).split('.') ?? [];
  expect(verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual({ iat: nowMs / 1000 - 60, exp: nowMs / 1000 + 300, iss: '1234' });
});

test('an identity token is exchanged for an access token, read anew each time', async () => {
  writeFileSync(join(folder, 'identity'), 'jwt-one');
  server.answer = () => ({ json: { access_token: 'access-token-1', expires_in: 100 } });
  await using lease = await one(credentials({ yaml: `cloud: { provider: token-exchange, endpoint: "${address}/token", subject_file: ${join(folder, 'identity')}, audience: api }` }), 'cloud');
  writeFileSync(join(folder, 'identity'), 'jwt-two');
  nowMs += 81_000;
  await lease.value();
  const forms = server.asked.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
  expect(forms.map((form) => form['subject_token'])).toEqual(['jwt-one', 'jwt-two']);
  expect(forms[0]).toMatchObject({ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', audience: 'api' });
});

test.each([
  ['a: { provider: nothing }', /credentials\.yaml: a/],
  ['a: { provider: file, path: relative }', /an absolute path/],
  ['a: { provider: vault, address: "http://vault.test", token: t, path: p, field: f }', /https, or http on this machine/],
  ['a: { provider: vault, address: "https://vault.test", token: t, path: ../sys, field: f }', /a path below v1/],
  ['a: { provider: vault, address: "https://vault.test", path: p, field: f }', /one of token/],
  ['a: { provider: github-app, app: 1, installation: 1, key: k, repositories: [], permissions: { contents: read } }', /repositories/],
  ['a: [', /credentials\.yaml/],
])('a file that says %j is refused with why', async (yaml, message) => {
  await expect(credentials({ yaml }).lend(['a'], signal)).rejects.toThrow(message);
});
