import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { EgressRig, headOf, take, within } from '../../support/egress.ts';

const GREETING = Buffer.from([5, 1, 0]);

function socksRequest(name: string | Buffer, port: number, kind = 3, command = 1): Buffer {
  const address = typeof name === 'string' ? Buffer.concat([Buffer.from([name.length]), Buffer.from(name)]) : name;
  const tail = Buffer.alloc(2);
  tail.writeUInt16BE(port);
  return Buffer.concat([Buffer.from([5, command, 0, kind]), address, tail]);
}

/** Says back what it hears, after it has greeted, as some databases do. */
function greet(socket: Socket): void {
  socket.write('welcome\n');
  socket.pipe(socket);
}

async function tcpRig(more = ''): Promise<{ rig: EgressRig; port: number }> {
  const rig = new EgressRig();
  const port = await rig.raw(greet);
  rig.names.set('db.test', [['127.0.0.1']]);
  await rig.open(`network: [{ host: db.test, tcp: ${port}, private: true }, { host: web.test }]\n${more}`);
  return { rig, port };
}

describe('a tunnel', () => {
  test('is opened where policy says tcp: by name, by CONNECT and by SOCKS; each side may end first', async () => {
    const { rig, port } = await tcpRig();
    await using _ = rig;
    for (const open of [async () => rig.dialName('db.test', port), () => rig.connectTo(`db.test:${port}`), () => throughSocks(rig, 'db.test', port)]) {
      const stream = await open();
      stream.end('hello');
      expect(await within(text(stream), 'the end of a tunnel')).toBe('welcome\nhello');
    }
    expect(await rig.ended(2)).toMatchObject({ scheme: 'tcp', host: 'db.test', port, address: '127.0.0.1', sentBytes: 5, receivedBytes: 13 });
    expect(rig.decisions().every(({ request }) => request.action === 'network.connect' && request.scheme === 'tcp')).toBe(true);
  });

  test('is not to be had where policy wants to see requests', async () => {
    const { rig } = await tcpRig();
    await using _ = rig;
    const stream = await rig.connectTo('web.test:443');
    // Neither TLS nor HTTP: SSH, say.
    expect(await rig.say(stream, 'SSH-2.0-OpenSSH_9.9\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*no HTTP\/1\.1 that can be read in one way only/);
    expect(rig.refusals()).toMatchObject([{ via: 'proxy', host: 'web.test', port: 443, code: 'request_invalid' }]);
  });

  test('tells that nobody is there in the way of each', async () => {
    await using rig = new EgressRig();
    rig.names.set('db.test', [['127.0.0.1']]);
    // Nothing listens on port 1.
    await rig.open('network: [{ host: db.test, tcp: 1, private: true }]');
    await expect(rig.connectTo('db.test:1')).rejects.toThrow(/^HTTP\/1\.1 502 [^]*db\.test: it could not be connected to\n$/);
    expect(await socksReply(rig, socksRequest('db.test', 1))).toBe(4);
    expect(await within(text(rig.dialName('db.test', 1)).catch(() => 'reset'), 'an end')).toBe('reset');
    expect(await rig.ended(2)).toMatchObject({ scheme: 'tcp', failure: 'connect_failed', sentBytes: 0 });
  });
});

describe('SOCKS5', () => {
  test('reaches names, encrypted or not, as HTTP that is looked at', async () => {
    await using rig = new EgressRig();
    const port = await rig.https((request, response) => response.end(`seen ${request.url}`));
    await rig.openTo(port);
    const socket = await rig.tls(await throughSocks(rig, 'UP.test.', port), 'up.test');
    expect(await rig.say(socket, `GET /s HTTP/1.1\r\nhost: up.test:${port}\r\nconnection: close\r\n\r\n`)).toMatch(/200 OK[^]*seen \/s/);
  });

  test.each([
    ['an IPv4 address', socksRequest(Buffer.from([127, 0, 0, 1]), 80, 1), 8],
    ['an IPv6 address', socksRequest(Buffer.alloc(16, 1), 80, 4), 8],
    ['an address as a name', socksRequest('127.0.0.1', 80), 2],
    ['a name that is none', socksRequest('a..b', 80), 2],
    ['a name with a NUL', socksRequest('up.test\0.evil.test', 80), 2],
    ['an empty name', socksRequest('', 80), 2],
    ['port 0', socksRequest('up.test', 0), 2],
    ['what is not in the policy', socksRequest('evil.test', 443), 2],
    ['BIND', socksRequest('up.test', 80, 3, 2), 7],
    ['UDP', socksRequest('up.test', 80, 3, 3), 7],
  ])('refuses %s', async (_what, request, reply) => {
    await using rig = await new EgressRig().openTo(80);
    expect(await socksReply(rig, request)).toBe(reply);
    expect(rig.questions).toEqual([]);
  });

  test('waits for what comes a byte at a time, and for nothing else meanwhile', async () => {
    await using rig = new EgressRig();
    const port = await rig.http((_request, response) => response.end('there'));
    await rig.openTo(port);
    const slow = rig.dialProxy();
    const bytes = Buffer.concat([GREETING, socksRequest('up.test', port)]);
    for (const byte of bytes) {
      slow.write(Buffer.from([byte]));
      // The others go on.
      expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 200 });
    }
    expect([...(await take(slow, 4))]).toEqual([5, 0, 5, 0]);
  });

  test('refuses who wants to log in', async () => {
    await using rig = await new EgressRig().openTo(80);
    const stream = rig.dialProxy();
    stream.write(Buffer.from([5, 1, 2]));
    expect(await within(text(stream.setEncoding('hex')), 'an answer')).toBe('05ff');
  });
});

describe('a WebSocket', () => {
  const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
  const upgrade = (port: number): string => `GET /chat HTTP/1.1\r\nhost: up.test:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${KEY}\r\nsec-websocket-version: 13\r\n\r\n`;

  async function server(rig: EgressRig): Promise<number> {
    return await rig.raw((socket) => {
      void headOf(socket).then((head) => {
        const accept = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        if (head.includes(`sec-websocket-key: ${KEY}`)) socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
        greet(socket);
      });
    });
  }

  test('is spoken where policy says so', async () => {
    await using rig = new EgressRig();
    const port = await server(rig);
    rig.names.set('up.test', [['127.0.0.1']]);
    await rig.open(`network: [{ host: up.test, port: ${port}, private: true, websocket: true }]`);
    const stream = rig.dialName('up.test', port);
    stream.write(upgrade(port));
    expect(await headOf(stream)).toMatch(/^HTTP\/1\.1 101 [^]*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
    stream.end('frames');
    expect(await within(text(stream), 'the end')).toBe('welcome\nframes');
    expect(await rig.ended()).toMatchObject({ scheme: 'ws', status: 101, path: '/chat', sentBytes: 6, receivedBytes: 14 });
  });

  test('is refused where it does not, in words', async () => {
    await using rig = new EgressRig();
    const port = await server(rig);
    await rig.openTo(port);
    const stream = rig.dialName('up.test', port);
    expect(await rig.say(stream, upgrade(port))).toMatch(/^HTTP\/1\.1 403 [^]*GET ws:\/\/up\.test:\d+\/chat is not in the list/);
    expect(rig.questions).toEqual([]);
  });

  test('that the other side does not want to speak is an answer like any other', async () => {
    await using rig = new EgressRig();
    const port = await rig.http((_request, response) => response.writeHead(426).end('not here'));
    rig.names.set('up.test', [['127.0.0.1']]);
    await rig.open(`network: [{ host: up.test, port: ${port}, private: true, websocket: true }]`);
    expect(await rig.say(rig.dialName('up.test', port), upgrade(port))).toMatch(/^HTTP\/1\.1 426 [^]*not here/);
  });
});

async function throughSocks(rig: EgressRig, name: string, port: number) {
  const stream = rig.dialProxy();
  stream.write(GREETING);
  expect([...(await take(stream, 2))]).toEqual([5, 0]);
  stream.write(socksRequest(name, port));
  expect((await take(stream, 10))[1]).toBe(0);
  return stream;
}

async function socksReply(rig: EgressRig, request: Buffer): Promise<number | undefined> {
  const stream = rig.dialProxy();
  stream.write(Buffer.concat([GREETING, request]));
  return (await take(stream, 12))[3];
}
