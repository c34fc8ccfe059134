// Rows 65 to 68 of the corpus: what becomes of a credential on its way out and of what comes back, with hostile servers on this machine.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { EgressRig } from '../support/egress.ts';

const SECRET = 'ghp_9aTqZrLmNpQwErTyUiOpAsDfGhJkLzXcVbN1';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server at `up.test` to which a credential is bound, and what it saw. */
async function rigWith(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void, binding = '{ host: up.test, port: PORT, methods: [GET, POST], paths: ["/repos/acme/**"] }') {
  const rig = new EgressRig();
  const seen: Seen[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request).catch(() => undefined);
    // Its program, or egress, has ended it in the middle: nothing was asked.
    if (body === undefined) return;
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    answer(request, response, body);
  };
  const port = await rig.https((request, response) => void serve(request, response));
  const other = await rig.https((request, response) => void serve(request, response));
  rig.secrets.set('github', SECRET);
  rig.names.set('up.test', [['127.0.0.1']]);
  rig.names.set('other.test', [['127.0.0.1']]);
  await rig.open(
    `network: [{ host: up.test, port: ${port}, private: true, websocket: true }, { host: other.test, port: ${other}, private: true }]\n` +
      `credentials: [{ id: github, placeholder: GITHUB_TOKEN, bind: ${binding.replaceAll('PORT', String(port))} }]\n`,
  );
  const { GITHUB_TOKEN: placeholder = '' } = rig.egress.provisions('/x').env;
  return { rig, seen, placeholder, url: `https://up.test:${port}`, other: `https://other.test:${other}` };
}

const ok = (_request: IncomingMessage, response: ServerResponse): void => void response.end('ok');
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

test('a session gets a placeholder that is shaped like the secret and is another in each session', async () => {
  const [one, two] = [await rigWith(ok), await rigWith(ok)];
  await using _one = one.rig;
  await using _two = two.rig;
  expect(one.placeholder).toMatch(/^ghp_[A-Za-z0-9]{36}$/);
  expect(one.placeholder).not.toBe(two.placeholder);
  expect(JSON.stringify(one.rig.egress.provisions('/x').env)).not.toContain(SECRET.slice(4));
});

describe('67, 68: a placeholder becomes the secret where it is bound, and nowhere else', () => {
  test.each([
    ['a bearer token', (p: string) => ({ authorization: `Bearer ${p}` }), { authorization: `Bearer ${SECRET}` }],
    ['a header of its own', (p: string) => ({ 'x-api-key': p }), { 'x-api-key': SECRET }],
    ['git’s Basic auth', (p: string) => ({ authorization: basic('x-access-token', p) }), { authorization: basic('x-access-token', SECRET) }],
  ])('%s', async (_, headers, expected) => {
    const { rig, seen, placeholder, url } = await rigWith(ok);
    await using _rig = rig;
    expect(await rig.getByName(`${url}/repos/acme/widgets`, { headers: headers(placeholder) })).toMatchObject({ status: 200 });
    expect(seen).toMatchObject([{ url: '/repos/acme/widgets', headers: expected }]);
    expect(rig.decisions().at(-1)).toMatchObject({ allowed: true, request: { action: 'credential.use', credential: 'github', place: 'header', scheme: 'https', host: 'up.test', method: 'GET', path: '/repos/acme/widgets' } });
    expect(await rig.ended()).toMatchObject({ credentials: ['github'] });
    expect(JSON.stringify(rig.events)).not.toContain(SECRET.slice(4));
  });

  test('a request that changes something in somebody’s name is known of before it leaves, and of its end', async () => {
    let before: readonly string[] = [];
    const { rig, placeholder, url } = await rigWith((_request, response) => {
      before = rig.events.map(({ type }) => type);
      response.end('ok');
    });
    await using _rig = rig;
    const headers = { authorization: `Bearer ${placeholder}` };
    await rig.getByName(`${url}/repos/acme/widgets?state=x`, { method: 'POST', headers });
    expect(before).toContain('egress.started');
    expect(rig.durable).toEqual(['egress.started']);
    const [begun] = rig.events.flatMap((event) => (event.type === 'egress.started' ? [event.data] : []));
    expect(begun).toMatchObject({ scheme: 'https', host: 'up.test', method: 'POST', path: '/repos/acme/widgets', credentials: ['github'] });
    expect(await rig.ended()).toMatchObject({ request: begun?.request, status: 200 });
    await rig.getByName(`${url}/repos/acme/widgets`, { headers });
    await rig.getByName(`${url}/repos/acme/widgets`, { method: 'POST' });
    expect(rig.durable).toHaveLength(1);
  });

  test('where that cannot be written it does not leave', async () => {
    const { rig, seen, placeholder, url } = await rigWith(ok);
    await using _rig = rig;
    rig.neverDurable = true;
    expect(await rig.getByName(`${url}/repos/acme/widgets`, { method: 'POST', headers: { authorization: `Bearer ${placeholder}` } })).toMatchObject({ status: 503 });
    expect(seen).toEqual([]);
  });

  test.each([
    ['another path', 'GET', '/repos/evil/widgets', 'url'],
    ['another path, dressed up', 'GET', '/repos/acme/..%2fevil', 'url'],
    ['another method', 'DELETE', '/repos/acme/widgets', 'url'],
    ['another host', 'GET', '/repos/acme/widgets', 'other'],
  ] as const)('%s', async (_, method, path, where) => {
    const { rig, seen, placeholder, ...urls } = await rigWith(ok);
    await using _rig = rig;
    const answer = await rig.getByName(`${urls[where]}${path}`, { method, headers: { authorization: `Bearer ${placeholder}` } });
    expect(answer).toMatchObject({ status: 403, body: expect.stringContaining('glovebox: refused by policy') });
    expect(seen).toEqual([]);
    expect(rig.decisions().at(-1)).toMatchObject({ allowed: false });
  });

  test('plain HTTP, whatever a binding says of the port', async () => {
    await using rig = new EgressRig();
    const seen: string[] = [];
    const port = await rig.http((request, response) => {
      seen.push(request.headers.authorization ?? '');
      response.end();
    });
    rig.secrets.set('github', SECRET);
    await rig.openTo(port, `credentials: [{ id: github, placeholder: T, bind: { host: up.test, port: ${port} } }]`);
    const { T: placeholder = '' } = rig.egress.provisions('/x').env;
    expect(await rig.get(`http://up.test:${port}/`, { headers: { authorization: `Bearer ${placeholder}` } })).toMatchObject({ status: 403 });
    expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 200 });
    expect(seen).toEqual(['']);
  });

  test('a placeholder of another session is nobody’s here, and goes out as what it is', async () => {
    const { rig, seen, url } = await rigWith(ok);
    await using _rig = rig;
    const foreign = 'ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
    await rig.getByName(`${url}/repos/acme/x`, { headers: { authorization: `Bearer ${foreign}` } });
    expect(seen[0]?.headers.authorization).toBe(`Bearer ${foreign}`);
  });

  test('the query, only where it is bound to that', async () => {
    const closed = await rigWith(ok);
    await using _closed = closed.rig;
    expect(await closed.rig.getByName(`${closed.url}/repos/acme/x?token=${closed.placeholder}`)).toMatchObject({ status: 403 });
    expect(closed.seen).toEqual([]);
    const { rig, seen, placeholder, url } = await rigWith(ok, '{ host: up.test, port: PORT, in: [query] }');
    await using _rig = rig;
    expect(await rig.getByName(`${url}/tile?key=${placeholder}&x=1`)).toMatchObject({ status: 200 });
    expect(seen).toMatchObject([{ url: `/tile?key=${SECRET}&x=1` }]);
    expect(JSON.stringify(rig.events)).not.toContain(SECRET.slice(4));
  });

  test('never the path, which servers write down', async () => {
    const { rig, seen, placeholder, url } = await rigWith(ok, '{ host: up.test, port: PORT, in: [header, query, body] }');
    await using _rig = rig;
    expect(await rig.getByName(`${url}/${placeholder}/x`)).toMatchObject({ status: 403, body: 'glovebox: github goes into no path: servers write paths down\n' });
    expect(seen).toEqual([]);
    expect(rig.refusals()).toMatchObject([{ code: 'credential_misplaced', host: 'up.test' }]);
  });

  test('the body, wherever it is cut, only where it is bound to that', async () => {
    const closed = await rigWith(ok);
    await using _closed = closed.rig;
    await closed.rig.getByName(`${closed.url}/repos/acme/x`, { method: 'POST' }, `token=${closed.placeholder}`);
    expect(closed.seen[0]?.body).toBe(`token=${closed.placeholder}`);
    const { rig, seen, placeholder, url } = await rigWith(ok, '{ host: up.test, port: PORT, methods: [POST], in: [body] }');
    await using _rig = rig;
    const padding = 'x'.repeat(70_000);
    expect(await rig.getByName(`${url}/oauth`, { method: 'POST' }, `${padding}${placeholder}${padding}`)).toMatchObject({ status: 200 });
    expect(seen[0]?.body).toBe(`${padding}${SECRET}${padding}`);
    expect(await rig.getByName(`${url}/oauth`, { method: 'PUT' }, `${padding}${placeholder}`)).toMatchObject({ status: 403 });
    expect(await rig.getByName(`${url}/oauth`, { method: 'PUT' }, padding)).toMatchObject({ status: 200 });
    expect(seen.map(({ method }) => method)).toEqual(['POST', 'PUT']);
  });

  test('no WebSocket', async () => {
    const { rig, seen, placeholder, url } = await rigWith(ok);
    await using _rig = rig;
    const headers = { authorization: `Bearer ${placeholder}`, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': randomBytes(16).toString('base64') };
    expect(await rig.getByName(`${url}/repos/acme/x`, { headers })).toMatchObject({ status: 403, body: expect.stringContaining('goes with no WebSocket') });
    expect(seen).toEqual([]);
  });
});

describe('65: a secret that comes back is its placeholder again', () => {
  test.each<[string, (response: ServerResponse, token: string) => void]>([
    ['in a header', (response, token) => response.writeHead(200, { 'x-echo': `it was ${token}` }).end()],
    ['in the body', (response, token) => response.end(`you sent ${token}!`)],
    ['in an error', (response, token) => response.writeHead(401).end(JSON.stringify({ message: `bad token ${token}` }))],
    ['in base64', (response, token) => response.end(Buffer.from(`token=${token};`).toString('base64'))],
    ['in hex', (response, token) => response.end(Buffer.from(token).toString('hex'))],
    ['in a trailer', (response, token) => {
      response.writeHead(200, { trailer: 'x-last' });
      response.write('body');
      response.addTrailers([['x-last', token]]);
      response.end();
    }],
    ['in a redirect', (response, token) => response.writeHead(302, { location: `https://evil.test/?t=${encodeURIComponent(token)}` }).end()],
    ['in single bytes', (response, token) => {
      const bytes = [...`before ${token} after`];
      const next = (): void => {
        const byte = bytes.shift();
        if (byte === undefined) response.end();
        else response.write(byte, () => setImmediate(next));
      };
      next();
    }],
  ])('%s', async (_, reflect) => {
    const { rig, placeholder, url } = await rigWith((request, response) => reflect(response, (request.headers.authorization ?? '').slice('Bearer '.length)));
    await using _rig = rig;
    const answer = await rig.getByName(`${url}/repos/acme/x`, { headers: { authorization: `Bearer ${placeholder}` } });
    const all = JSON.stringify(answer) + Buffer.from(answer.body, 'base64').toString() + Buffer.from(answer.body, 'hex').toString();
    // In base64 a character at either end shares its bits with what stands beside it, and stays.
    expect(all).not.toContain(SECRET.slice(5, -1));
    expect(all).toContain(placeholder.slice(5, -1));
    expect(await rig.ended()).toMatchObject({ reflected: true });
  });

  test('later, too, and to a request that carried none', async () => {
    const { rig, placeholder, url } = await rigWith((_request, response) => response.end(SECRET));
    await using _rig = rig;
    await rig.getByName(`${url}/repos/acme/x`, { headers: { authorization: `Bearer ${placeholder}` } });
    expect((await rig.getByName(`${url}/public`)).body).toBe(placeholder);
  });

  test('compressed: it is asked for as it is, and is not passed on when it is compressed all the same', async () => {
    let encoded = false;
    const { rig, seen, placeholder, url } = await rigWith((_request, response) => {
      if (encoded) response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(SECRET));
      else response.end('plain');
    });
    await using _rig = rig;
    const headers = { authorization: `Bearer ${placeholder}`, 'accept-encoding': 'gzip, br', range: 'bytes=0-3' };
    expect(await rig.getByName(`${url}/repos/acme/x`, { headers })).toMatchObject({ status: 200, body: 'plain' });
    expect(seen[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' });
    expect(seen[0]?.headers.range).toBeUndefined();
    encoded = true;
    expect(await rig.getByName(`${url}/repos/acme/x`, { headers })).toMatchObject({ status: 502, body: expect.stringContaining('compressed') });
  });

  test('and an answer of many megabytes comes byte for byte, at the pace of its reader', async () => {
    const big = randomBytes(8 * 2 ** 20).toString('base64');
    const { rig, placeholder, url } = await rigWith((_request, response) => response.end(big));
    await using _rig = rig;
    const answer = await rig.getByName(`${url}/repos/acme/x`, { headers: { authorization: `Bearer ${placeholder}` } });
    expect(answer.body === big).toBe(true);
    expect((await rig.ended()).reflected).toBeUndefined();
  });
});

test('66: what was lent is over with the session', async () => {
  const { rig, seen, placeholder, url } = await rigWith(ok);
  await rig.egress[Symbol.asyncDispose]();
  await expect(rig.getByName(`${url}/repos/acme/x`, { headers: { authorization: `Bearer ${placeholder}` } })).rejects.toThrow();
  expect(seen).toEqual([]);
  await rig[Symbol.asyncDispose]();
});

test('a session whose credential cannot be lent does not open', async () => {
  await using rig = new EgressRig();
  await expect(rig.openTo(443, 'credentials: [{ id: github, placeholder: T, bind: { host: up.test } }]')).rejects.toMatchObject({ code: 'credential_unavailable' });
});
