import { gzipSync } from 'node:zlib';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { SessionAuthority } from '../../src/broker/certificates/session-authority.ts';
import { systemClock } from '../../src/contracts/index.ts';
import { EgressRig, headOf, trusted, until, within } from '../support/egress.ts';
import { SMUGGLED } from './hostile/smuggled.ts';

/** What a server that must not be reached has heard. */
async function listening(rig: EgressRig): Promise<{ port: number; heard: string[] }> {
  const heard: string[] = [];
  const port = await rig.http((request, response) => {
    heard.push(`${request.method} ${request.headers.host}${request.url}`);
    response.end('reached');
  });
  return { port, heard };
}

describe('rows 47 to 51: addresses', () => {
  test.each([
    ['169.254.169.254'], ['fd00:ec2::254'], ['::ffff:169.254.169.254'], ['64:ff9b::a9fe:a9fe'], ['2002:a9fe:a9fe::'], ['0.0.0.0'], ['::'], ['fe80::1'], ['224.0.0.1'], ['::ffff:127.0.0.1'],
  ])('a name that leads to %s leads nowhere, private or not', async (address) => {
    await using rig = new EgressRig();
    rig.names.set('up.test', [[address]]);
    await rig.open('network: [{ host: up.test, port: 80, private: true }]');
    expect(await rig.get('http://up.test/')).toMatchObject({ status: 403, body: 'glovebox: up.test leads to an address where nothing may go\n' });
    expect(rig.refusals()).toEqual([{ via: 'proxy', host: 'up.test', port: 80, code: 'address_forbidden', text: 'up.test leads to an address where nothing may go' }]);
  });

  test('one bad address among good ones is enough', async () => {
    await using rig = new EgressRig();
    rig.names.set('up.test', [['1.1.1.1', '169.254.169.254']]);
    await rig.open('network: [{ host: up.test, port: 80, private: true }]');
    expect(await rig.get('http://up.test/')).toMatchObject({ status: 403 });
  });

  test.each([['127.0.0.1'], ['10.0.0.1'], ['192.168.0.1'], ['172.17.0.1'], ['::1'], ['fd12::1'], ['100.64.0.1']])('a name that leads to %s needs a rule that says private', async (address) => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    rig.names.set('up.test', [[address]]);
    await rig.open(`network: [{ host: up.test, port: ${port} }, { host: up.test, tcp: 1 }]`);
    expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 403, body: `glovebox: refused by policy: network: GET http://up.test:${port}/ in a private network is not in the list\n` });
    await expect(rig.connectTo('up.test:1')).rejects.toThrow(/^HTTP\/1\.1 403 /);
    expect(heard).toEqual([]);
  });

  test.each([
    'http://127.0.0.1:PORT/', 'http://127.1:PORT/', 'http://2130706433:PORT/', 'http://0x7f000001:PORT/', 'http://0177.0.0.1:PORT/', 'http://[::1]:PORT/', 'http://[::ffff:127.0.0.1]:PORT/', 'http://[fe80::1%25lo]:PORT/', 'http://localhost:PORT/',
    'http://host.docker.internal:PORT/', 'http://127.0.0.1.:PORT/',
  ])('%s is refused, as an address or by policy', async (target) => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.open(`network: [{ host: "*.test", port: ${port}, private: true }]`);
    const url = target.replace('PORT', String(port));
    const said = await rig.say(rig.dialProxy(), `GET ${url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(said).toMatch(/^HTTP\/1\.1 (?:400|403|421) /);
    const authority = url.slice('http://'.length, -1);
    await expect(rig.connectTo(authority)).rejects.toThrow(/^HTTP\/1\.1 403 /);
    expect([heard, rig.questions]).toEqual([[], []]);
  });
});

describe('row 58: what was dialled, SNI and Host', () => {
  test('a certificate for another name is not shown, and a handshake that asks for one comes to nothing', async () => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.openTo(port);
    for (const dial of [() => rig.connectTo(`up.test:${port}`), async () => rig.dialName('up.test', port)]) {
      await expect(rig.tls(await dial(), 'other.test')).rejects.toThrow(/other\.test/);
      const socket = await rig.tls(await dial(), 'other.test', { rejectUnauthorized: false });
      expect(await rig.say(socket, `GET / HTTP/1.1\r\nhost: up.test:${port}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 421 [^]*the certificate that was asked for is of "other\.test"/);
    }
    expect(rig.refusals().filter(({ code }) => code === 'hosts_disagree').length).toBeGreaterThanOrEqual(2);
    expect(heard).toEqual([]);
  });

  test.each(['other.test', 'up.test', 'up.test:81', 'up.test@other.test', 'up.test:PORT@other.test', '', '127.0.0.1', 'up.test:PORT/other'])('a request for %j on a connection to another is refused', async (named) => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.openTo(port);
    const host = named.replace('PORT', String(port));
    const said = await rig.say(rig.dialName('up.test', port), `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect(said).toMatch(/^HTTP\/1\.1 (?:403|421) /);
    const absolute = await rig.say(rig.dialProxy(), `GET http://up.test:${port}/ HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect(absolute).toMatch(/^HTTP\/1\.1 (?:403|421) /);
    expect(heard).toEqual([]);
  });

  test('a whole address inside a connection to a host is refused, and CONNECT, and TRACE', async () => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.openTo(port);
    for (const line of [`GET http://other.test/ HTTP/1.1`, `CONNECT other.test:443 HTTP/1.1`, 'TRACE / HTTP/1.1']) {
      expect(await rig.say(rig.dialName('up.test', port), `${line}\r\nhost: up.test:${port}\r\nconnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    }
    expect(heard).toEqual([]);
  });

  test('HTTP/2 is not offered', async () => {
    await using rig = await new EgressRig().openTo(443);
    await expect(rig.tls(await rig.connectTo('up.test:443'), 'up.test', { ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol|closed in the handshake/i);
    expect((await rig.tls(await rig.connectTo('up.test:443'), 'up.test', { ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol).toBe('http/1.1');
  });
});

describe('row 59: names in other clothes', () => {
  test.each(['UP.test', 'up.TEST.', 'up.test'])('%s is up.test', async (name) => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.openTo(port);
    const said = await rig.say(rig.dialProxy(), `GET http://${name}:${port}/ HTTP/1.1\r\nhost: up.test:${port}\r\nconnection: close\r\n\r\n`);
    expect([said.slice(0, 12), heard]).toEqual(['HTTP/1.1 200', [`GET up.test:${port}/`]]);
  });

  test.each(['up.test\0.evil.test', 'user@up.test', 'up.test..', 'up.test%2eevil.test', 'up.test\\@evil.test', 'xn--a.test', 'up\u00adtest', '\u00ef\u00bc\u00b5P.test'])('%j is nobody', async (name) => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.openTo(port);
    expect(await rig.say(rig.dialProxy(), `GET http://${name}:${port}/ HTTP/1.1\r\nhost: up.test:${port}\r\nconnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 4/);
    expect(heard).toEqual([]);
  });
});

describe('row 62: requests that could be read in two ways', () => {
  const smuggled = (port: number): string => `GET /smuggled HTTP/1.1\r\nhost: up.test:${port}\r\n\r\n`;

  test.each(SMUGGLED)('%s', async (_what, rest) => {
    await using rig = new EgressRig();
    const heard: string[] = [];
    // What arrived whole: a request whose body breaks off may begin, and must not end.
    const port = await rig.http((request, response) => void text(request).then(() => { heard.push(request.url ?? ''); response.end('reached'); }, () => {}));
    await rig.openTo(port);
    for (const [stream, target] of [[rig.dialProxy(), `http://up.test:${port}/`], [rig.dialName('up.test', port), '/']] as const) {
      stream.write(Buffer.from(`POST ${target} HTTP/1.1\r\nhost: up.test:${port}\r\n${rest}${smuggled(port)}`, 'latin1'));
      stream.end();
      const said = await within(text(stream).catch(() => 'reset'), 'an end');
      expect(said).not.toContain('200 OK');
    }
    expect(heard).toEqual([]);
    expect(rig.refusals().length).toBeGreaterThan(0);
  });

  test('after one of them nothing more is read on the connection', async () => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.openTo(port);
    for (const unclear of ['transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n', `host: up.test:${port}\r\n\r\n`, 'content-length: 0\r\ncontent-length: 0\r\n\r\n']) {
      const said = await rig.say(rig.dialName('up.test', port), `POST / HTTP/1.1\r\nhost: up.test:${port}\r\n${unclear}${smuggled(port)}`);
      expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
    }
    expect(heard).toEqual([]);
  });

  test.each(['GET / HTTP/1.1\n', 'GET /\r\n', 'GET / HTTP/2.0\r\n', 'GET  / HTTP/1.1\r\n', 'G\0T / HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n', '\x80\x80\x80\x80', 'GET /a b HTTP/1.1\r\n', 'GET /\x00 HTTP/1.1\r\n'])('a first line such as %j', async (line) => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.openTo(port);
    const stream = rig.dialName('up.test', port);
    stream.write(Buffer.from(`${line}host: up.test:${port}\r\n\r\n`, 'latin1'));
    stream.end();
    expect(await within(text(stream).catch(() => 'reset'), 'an end')).not.toContain('200 OK');
    expect(heard).toEqual([]);
  });

  test.each(['/a/../b', '/%2e%2e/b', '/a//b', '/a\\b', '/a%2fb', '/a%00', '/\u00e9', '/a#b'])('a path such as %j', async (path) => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.openTo(port);
    const said = await rig.say(rig.dialName('up.test', port), `GET ${path} HTTP/1.1\r\nhost: up.test:${port}\r\nconnection: close\r\n\r\n`);
    expect(said).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(heard).toEqual([]);
  });

  test('headers without end are refused', async () => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    await rig.openTo(port);
    const stream = rig.dialName('up.test', port);
    stream.write(`GET / HTTP/1.1\r\nhost: up.test:${port}\r\n${`x: ${'y'.repeat(1_000)}\r\n`.repeat(100)}\r\n`);
    expect(await within(text(stream).catch(() => 'reset'), 'an end')).not.toContain('200 OK');
    expect([heard, rig.refusals().map(({ code }) => code)]).toEqual([[], ['request_invalid']]);
  });
});

describe('rows 60, 61, 63: redirects, upgrades, rebinding', () => {
  test('a redirect is the program’s to follow, and decided anew', async () => {
    await using rig = new EgressRig();
    const { port: inner, heard } = await listening(rig);
    const port = await rig.http((_request, response) => response.writeHead(307, { location: `http://inner.test:${inner}/` }).end());
    rig.names.set('inner.test', [['127.0.0.1']]);
    await rig.openTo(port);
    expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 307 });
    expect(await rig.get(`http://inner.test:${inner}/`)).toMatchObject({ status: 403 });
    expect([heard, rig.questions]).toEqual([[], ['up.test']]);
  });

  test('an upgrade to anything else than a WebSocket is not taken up, and not handed on', async () => {
    await using rig = new EgressRig();
    const port = await rig.http((request, response) => response.end(JSON.stringify(request.rawHeaders)));
    await rig.openTo(port);
    const said = await rig.say(rig.dialName('up.test', port), `GET / HTTP/1.1\r\nhost: up.test:${port}\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n`);
    expect(said).toContain('200 OK');
    expect(said).not.toMatch(/h2c|http2/i);
  });

  test('a name that changes its mind changes nothing', async () => {
    await using rig = new EgressRig();
    const { port, heard } = await listening(rig);
    rig.names.set('up.test', [['127.0.0.1'], ['169.254.169.254'], ['10.0.0.1']]);
    await rig.open(`network: [{ host: up.test, port: ${port}, private: true }]`);
    for (let i = 0; i < 3; i++) expect(await rig.get(`http://up.test:${port}/${i}`)).toMatchObject({ status: 200 });
    expect([rig.questions, heard.length]).toEqual([['up.test'], 3]);
    expect((await rig.ended(2)).address).toBe('127.0.0.1');
  });
});

describe('the other side’s certificate', () => {
  test('has to be of somebody that we trust, of the name, and of this time', async () => {
    const stranger = await SessionAuthority.create(systemClock);
    const past = { now: () => Date.now() - 400 * 24 * 3_600_000 };
    for (const authority of [stranger, await SessionAuthority.create(past)]) {
      await using rig = new EgressRig();
      const port = await rig.https((_request, response) => response.end('reached'), authority);
      await rig.openTo(port);
      expect(await rig.getByName(`https://up.test:${port}/`)).toMatchObject({ status: 502, body: 'glovebox: up.test: its certificate is not one that we trust for this name\n' });
      expect(await rig.ended()).toMatchObject({ failure: 'certificate_invalid' });
    }
    await using rig = new EgressRig();
    const port = await rig.https((_request, response) => response.end('reached'), trusted, 'other.test');
    await rig.openTo(port);
    expect(await rig.getByName(`https://up.test:${port}/`)).toMatchObject({ status: 502, body: 'glovebox: up.test: its certificate is not one that we trust for this name\n' });
  });

  test('one that is trusted here is no reason for a program to trust it: it sees the session’s own', async () => {
    await using rig = new EgressRig();
    const port = await rig.https((_request, response) => response.end('reached'));
    await rig.openTo(port);
    await expect(rig.tls(await rig.connectTo(`up.test:${port}`), 'up.test', { ca: trusted.certificate })).rejects.toThrow(/certificate/);
    await using other = await new EgressRig().openTo(port);
    await expect(rig.tls(await rig.connectTo(`up.test:${port}`), 'up.test', { ca: other.egress.certificate })).rejects.toThrow(/certificate/);
  });

  test('one that a program does not want to see is in the journal', async () => {
    await using rig = await new EgressRig().openTo(443);
    const stream = await rig.connectTo('up.test:443');
    // The head of a ClientHello, and no more.
    stream.end(Buffer.from([0x16, 3, 1, 2, 0, 1]));
    expect(await until(() => rig.refusals()[0], 'a refusal')).toMatchObject({ via: 'proxy', host: 'up.test', port: 443, code: 'handshake_failed' });
  });
});

test('a bomb is handed on as it is: nothing is unpacked here', async () => {
  await using rig = new EgressRig();
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
  const port = await rig.http((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bomb.length }).end(bomb));
  await rig.openTo(port);
  expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 200, headers: { 'content-length': String(bomb.length) } });
  expect((await rig.ended()).receivedBytes).toBe(bomb.length);
});

test('a body without end goes as far as the limit', async () => {
  await using rig = new EgressRig();
  const port = await rig.http((_request, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(2 ** 16)));
    };
    response.on('drain', more);
    more();
  });
  await rig.openTo(port, 'egress: { download: 1MiB }');
  const stream = rig.dialProxy();
  stream.write(`GET http://up.test:${port}/ HTTP/1.1\r\nhost: up.test:${port}\r\n\r\n`);
  await headOf(stream);
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  expect(await rig.ended()).toMatchObject({ failure: "the session's limit is 1048576 bytes to get" });
  expect(bytes).toBeLessThan(1.2 * 2 ** 20);
});
