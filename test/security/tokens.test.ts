import { createHmac, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { serving } from '../support/server.ts';

const ISSUER = 'https://identity.test';
const AUDIENCE = 'glovebox';

interface Key {
  readonly id: string;
  readonly secret: CryptoKey;
  readonly open: CryptoKey;
}

/** What the identity provider publishes, and how it answers. */
const provider = { keys: [] as Key[], asked: 0, answer: 'keys' as 'keys' | 'error' | 'nonsense' };
let keyServer: Server;
let server: Awaited<ReturnType<typeof serving>>;

async function newKey(id: string, algorithm = 'ES256'): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { id, secret: privateKey, open: publicKey };
}

beforeAll(async () => {
  keyServer = createServer((_request, response) => {
    provider.asked += 1;
    void Promise.all(provider.keys.map(async ({ id, open }) => ({ ...(await exportJWK(open)), kid: id, use: 'sig' }))).then((keys) => {
      response.writeHead(provider.answer === 'error' ? 500 : 200, { 'content-type': 'application/json' });
      response.end(provider.answer === 'nonsense' ? '{"keys":"none"}' : JSON.stringify({ keys }));
    });
  }).listen(0, '127.0.0.1');
  await once(keyServer, 'listening');
});
afterAll(() => void keyServer.close());
beforeEach(async () => {
  Object.assign(provider, { keys: [await newKey('one')], asked: 0, answer: 'keys' });
  const jwks = new URL(`http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/keys`);
  server = await serving({ issuer: { issuer: ISSUER, audience: AUDIENCE, jwks, tenantClaim: 'org.tenant', rolesClaim: 'roles', keysCooldownMs: 0 } });
});
afterEach(() => server.stop());

interface Token {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly key?: Key;
  readonly header?: Record<string, unknown>;
  readonly expires?: string | number;
}

async function token({ claims = {}, key = provider.keys[0], header = {}, expires = '5m' }: Token = {}): Promise<string> {
  if (key === undefined) throw new Error('there is no key');
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: 'ann', org: { tenant: 'local' }, roles: ['operator'], ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: key.id, ...header }).setIssuedAt().setExpirationTime(expires).sign(key.secret);
}

async function status(bearer: string, method = 'GET', path = '/v1/sandboxes', body?: unknown): Promise<number> {
  return (await server.as(bearer).call(method, path, body)).status;
}

/** A token of any header and payload with a signature of our own making. */
function forged(header: object, payload: object, sign: (text: string) => string): string {
  const text = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign(text)}`;
}

test('a token of the provider is somebody: with the tenant and the roles that it says, and no more', async () => {
  expect(await status(await token())).toBe(200);
  const viewer = await token({ claims: { roles: 'viewer' } });
  expect([await status(viewer), await status(viewer, 'POST', '/v1/sandboxes', { kind: 'process' })]).toEqual([200, 403]);
  const made = await server.as(await token({ claims: { sub: 'bob' } })).call('POST', '/v1/sandboxes', { kind: 'process' });
  expect(made.status).toBe(201);
  const at = `/v1/sandboxes/${String(made.body['id'])}`;
  expect(await status(await token({ claims: { org: { tenant: 'acme' }, roles: ['administrator'] } }), 'GET', at)).toBe(404);
  const [opened] = await server.services.journal.read(String(made.body['session']));
  expect(opened).toMatchObject({ type: 'session.opened', data: { principal: 'oidc:bob', tenant: 'local' } });
  expect(await status(await token(), 'DELETE', at)).toBe(204);
});

test('what is not its token is nobody’s', async () => {
  const other = await newKey('one');
  const now = Math.floor(Date.now() / 1000);
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: 'ann', org: { tenant: 'local' }, roles: ['administrator'], exp: now + 300 };
  const [key] = provider.keys;
  const pem = key === undefined ? '' : await exportSPKI(key.open);
  const whole = await token();
  const refused: Readonly<Record<string, string>> = {
    'another issuer': await token({ claims: { iss: 'https://evil.test' } }),
    'for somebody else': await token({ claims: { aud: 'other' } }),
    'for nobody': await token({ claims: { aud: [] } }),
    expired: await token({ expires: now - 60 }),
    'not yet': await token({ claims: { nbf: now + 600 } }),
    'of nobody': await token({ claims: { sub: undefined } }),
    'without a tenant': await token({ claims: { org: {} } }),
    'with a tenant that is a list': await token({ claims: { org: { tenant: ['local'] } } }),
    'with a tenant that is inherited': await token({ claims: { org: 'constructor' } }),
    'without roles': await token({ claims: { roles: undefined } }),
    'with a role that there is not': await token({ claims: { roles: ['emperor'] } }),
    'with a subject that is no name': await token({ claims: { sub: 'ann\nuser:root' } }),
    'signed with another key of that name': await token({ key: other }),
    'without an end': forged({ alg: 'none' }, payload, () => ''),
    'alg none with a name': forged({ alg: 'none', kid: 'one', typ: 'JWT' }, payload, () => ''),
    'alg None': forged({ alg: 'None', kid: 'one' }, payload, () => ''),
    'the public key as a shared secret': forged({ alg: 'HS256', kid: 'one' }, payload, (text) => createHmac('sha256', pem).update(text).digest('base64url')),
    'its own key in its header': await ownKey(payload, 'jwk'),
    'its own key server in its header': await ownKey(payload, 'jku'),
    'altered roles': whole.replace(/\.[^.]+\./, `.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.`),
    'without its signature': `${whole.split('.').slice(0, 2).join('.')}.`,
  };
  for (const [what, bearer] of Object.entries(refused)) expect(await status(bearer), what).toBe(401);
});

test('its keys may be replaced: a new one is looked for, and what was signed with the old one is nothing any more', async () => {
  const old = await token();
  expect(await status(old)).toBe(200);
  provider.keys = [await newKey('two')];
  expect(await status(await token())).toBe(200);
  expect(await status(old)).toBe(401);
});

test('keys that cannot be had are no reason to let anybody in, nor to say that he is nobody', async () => {
  for (const answer of ['error', 'nonsense'] as const) {
    provider.answer = answer;
    expect(await server.as(await token()).call('GET', '/v1/sandboxes')).toMatchObject({ status: 503, body: { code: 'issuer_unavailable' } });
  }
  provider.answer = 'keys';
  expect(await status(await token())).toBe(200);
  // API keys need nobody else.
  provider.answer = 'error';
  expect((await server.as().call('GET', '/v1/sandboxes')).status).toBe(200);
});

test('keys that name others do not have the provider asked each time', async () => {
  const jwks = new URL(`http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/keys`);
  const patient = await serving({ issuer: { issuer: ISSUER, audience: AUDIENCE, jwks, tenantClaim: 'org.tenant', rolesClaim: 'roles' } });
  try {
    const unknown = await token({ key: await newKey('unknown') });
    for (let times = 0; times < 5; times++) expect((await patient.as(unknown).call('GET', '/v1/sandboxes')).status).toBe(401);
    expect(provider.asked).toBe(1);
  } finally {
    await patient.stop();
  }
});

/** Signed with a key that comes with it, or is said to be elsewhere. */
async function ownKey(payload: object, how: 'jwk' | 'jku'): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const header = how === 'jwk' ? { alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) as Record<string, string> } : { alg: 'ES256', kid: 'mine', jku: 'https://evil.test/keys' };
  return new SignJWT({ ...payload }).setProtectedHeader(header).sign(privateKey);
}
