import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { Chronicle } from '../../../src/broker/egress/chronicle.ts';
import { EgressRefusal } from '../../../src/broker/egress/refusal.ts';
import type { Clock, EgressGate, NewEvent } from '../../../src/contracts/index.ts';
import { EgressRig, headOf, until, within } from '../../support/egress.ts';

/** Time that goes on when it is told to. */
class OwnClock implements Clock {
  ms = Date.now();

  now(): number {
    return this.ms;
  }
}

describe('a session', () => {
  test('makes so many requests, refused ones among them, and is told when there are no more', async () => {
    await using rig = new EgressRig();
    const port = await rig.http((_request, response) => response.end('ok'));
    await rig.openTo(port, 'egress: { requests: 2 }');
    expect(await rig.get('http://evil.test/')).toMatchObject({ status: 403 });
    expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 200 });
    for (let i = 0; i < 3; i++) expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 429, body: "glovebox: the session's limit is 2 requests\n" });
    // Told once: the journal is no place to fill.
    expect(rig.refusals()).toEqual([{ via: 'proxy', code: 'limit', text: "the session's limit is 2 requests" }]);
  });

  test('makes so many requests a second', async () => {
    const clock = new OwnClock();
    await using rig = new EgressRig();
    const port = await rig.http((_request, response) => response.end('ok'));
    await rig.openTo(port, 'egress: { rate: 2 }', { clock });
    const statuses = async (count: number): Promise<number[]> => {
      const seen = [];
      for (let i = 0; i < count; i++) seen.push((await rig.get(`http://up.test:${port}/`)).status);
      return seen;
    };
    expect(await statuses(3)).toEqual([200, 200, 429]);
    clock.ms += 500;
    expect(await statuses(2)).toEqual([200, 429]);
    clock.ms += 60_000;
    expect(await statuses(3)).toEqual([200, 200, 429]);
  });

  test('has so many connections at once', async () => {
    await using rig = new EgressRig();
    const port = await rig.http((_request, response) => response.end('ok'));
    await rig.openTo(port, 'egress: { connections: 2 }');
    const held = [rig.dialName('up.test', port), rig.dialName('up.test', port)];
    const third = rig.dialName('up.test', port);
    expect(await within(text(third).catch(() => 'reset'), 'an end')).toBe('reset');
    expect(rig.refusals()).toMatchObject([{ via: 'name', host: 'up.test', port, code: 'limit' }]);
    for (const stream of held) stream.destroy();
    await until(() => (rig.dialName('up.test', port).destroyed ? undefined : true), 'room');
  });

  test('gets so many bytes and sends so many: what is beyond is cut', async () => {
    await using rig = new EgressRig();
    const port = await rig.http((request, response) => {
      if (request.method === 'POST') request.on('data', () => {}).on('end', () => response.end('taken'));
      else response.writeHead(200, { 'content-length': 200_000 }).end(Buffer.alloc(200_000));
    });
    await rig.openTo(port, 'egress: { download: 100KB, upload: 10KB }');
    await expect(rig.get(`http://up.test:${port}/`)).rejects.toThrow(/aborted|socket hang up|ECONNRESET/);
    expect(await rig.ended()).toMatchObject({ status: 200, failure: "the session's limit is 100000 bytes to get" });
    expect(await rig.get(`http://up.test:${port}/`, { method: 'POST' }, Buffer.alloc(20_000))).toMatchObject({ status: 429, body: "glovebox: the session's limit is 10000 bytes to send\n" });
  });

  test('that cannot be written down goes nowhere: the program hears so, and then nothing', async () => {
    await using rig = new EgressRig();
    const asked: string[] = [];
    const port = await rig.http((request, response) => {
      asked.push(request.url ?? '');
      response.end('ok');
    });
    await rig.openTo(port);
    expect(await rig.get(`http://up.test:${port}/before`)).toMatchObject({ status: 200 });
    await rig.ended();
    const other = rig.dialName('up.test', port);
    rig.unwritable = true;
    expect(await rig.get(`http://up.test:${port}/after`)).toMatchObject({ status: 503, body: 'glovebox: what happens here cannot be written down, so nothing may happen\n' });
    expect(await within(text(other).catch(() => 'reset'), 'the end of another connection')).toBe('reset');
    rig.unwritable = false;
    expect(await within(text(rig.dialName('up.test', port)).catch(() => 'reset'), 'the end of a new one')).toBe('reset');
    expect(asked).toEqual(['/before']);
  });
});

test('refusals without end do not fill the journal', async () => {
  const events: NewEvent[] = [];
  const gate: EgressGate = { decide: () => Promise.reject(new Error('nobody asks')), record: async (all) => void events.push(...all) };
  const chronicle = new Chronicle(gate, () => {});
  for (let i = 0; i < 20_000; i++) chronicle.refused('proxy', undefined, new EgressRefusal('request_invalid', 'no HTTP'));
  await chronicle.written();
  expect(events).toHaveLength(10_000);
  expect(events.at(-1)).toMatchObject({ data: { text: 'no HTTP (there are many: what else egress refuses in this session is not written)' } });
});

describe('time', () => {
  test('for the headers of a request is short, however they trickle, and again after each answer', async () => {
    await using rig = new EgressRig();
    const port = await rig.http((_request, response) => response.end('ok'));
    await rig.openTo(port, '', { deadlines: { headMs: 1_500 } });
    const loris = rig.dialProxy();
    loris.write(`GET http://up.test:${port}/ HTTP/1.1\r\nhost: up.test:${port}\r\n`);
    const trickle = setInterval(() => loris.write('x: y\r\n'), 20);
    await within(text(loris).catch(() => 'reset'), 'the end of a slow loris');
    clearInterval(trickle);
    const idle = rig.dialProxy();
    idle.write(`GET http://up.test:${port}/ HTTP/1.1\r\nhost: up.test:${port}\r\n\r\n`);
    expect(await within(text(idle).catch(() => 'reset'), 'the end of an idle connection')).toMatch(/200 OK[^]*ok/);
    const silent = [rig.dialProxy(), rig.dialName('up.test', port), await rig.connectTo(`up.test:${port}`)];
    const hello = await rig.connectTo(`up.test:${port}`);
    // The beginning of a ClientHello.
    hello.write(Buffer.from([0x16, 3, 1, 2, 0, 1]));
    await Promise.all([...silent, hello].map((stream) => within(text(stream).catch(() => 'reset'), 'the end of a silent connection')));
  });

  test('for an answer has an end: 504, in words', async () => {
    await using rig = new EgressRig();
    const port = await rig.http(() => {});
    await rig.openTo(port, '', { deadlines: { answerMs: 100 } });
    expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 504, body: 'glovebox: up.test: it did not answer in time\n' });
    expect(await rig.ended()).toMatchObject({ status: 504, failure: 'answer_timeout' });
  });

  test('without a byte has an end, in an answer, in a body and in a tunnel', async () => {
    await using rig = new EgressRig();
    const port = await rig.http((_request, response) => void response.writeHead(200, { 'content-length': 10 }).write('half'));
    const tcp = await rig.raw(() => {});
    rig.names.set('up.test', [['127.0.0.1']]);
    await rig.open(`network: [{ host: up.test, port: ${port}, private: true }, { host: up.test, tcp: ${tcp}, private: true }]`, { deadlines: { idleMs: 200, headMs: 60_000 } });
    await expect(rig.get(`http://up.test:${port}/`)).rejects.toThrow(/aborted|socket hang up|ECONNRESET/);
    const body = rig.dialProxy();
    body.write(`POST http://up.test:${port}/ HTTP/1.1\r\nhost: up.test:${port}\r\ncontent-length: 10\r\n\r\nhalf`);
    await within(text(body).catch(() => 'reset'), 'the end of a slow body');
    await within(text(rig.dialName('up.test', tcp)).catch(() => 'reset'), 'the end of a silent tunnel');
    await rig.ended(2);
  });
});

describe('the other side', () => {
  test('that is down is told so, and after five times left alone, not asked again and again', async () => {
    await using rig = new EgressRig();
    rig.names.set('up.test', [['127.0.0.1']]);
    await rig.openTo(1);
    const bodies = [];
    for (let i = 0; i < 7; i++) bodies.push(await rig.get('http://up.test:1/'));
    expect(bodies.slice(0, 5).map(({ status, body }) => [status, body])).toEqual(Array(5).fill([502, 'glovebox: up.test: it could not be connected to\n']));
    expect(bodies.slice(5).map(({ status, body }) => [status, body])).toEqual(Array(2).fill([503, 'glovebox: up.test: it failed several times in a row, and is left alone for a while\n']));
    expect(await rig.ended(6)).toMatchObject({ status: 503, failure: 'circuit_open' });
  });

  test('that nobody knows is told so', async () => {
    await using rig = await new EgressRig().open('network: [{ host: unknown.test, port: 80 }]');
    expect(await rig.get('http://unknown.test/')).toMatchObject({ status: 502, body: 'glovebox: unknown.test: its name could not be resolved\n' });
  });

  test.each([
    ['hangs up', (socket: Socket) => socket.end(), 'no_answer'],
    ['resets', (socket: Socket) => socket.resetAndDestroy(), 'no_answer'],
    ['speaks something else', (socket: Socket) => socket.end('220 mail.test ESMTP\r\n'), 'answer_broken'],
    ['has a length and chunks', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'), 'answer_broken'],
    ['folds a header', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n'), 'answer_broken'],
    ['sends a NUL', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n'), 'answer_broken'],
    ['sends headers without end', (socket: Socket) => socket.end(`HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(1_000)}\r\n`.repeat(100)}\r\n`), 'answer_broken'],
    ['switches protocols unasked', (socket: Socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'), 'answer_broken'],
  ])('that %s is a 502', async (_what, say, failure) => {
    await using rig = new EgressRig();
    const port = await rig.raw((socket) => void headOf(socket).then(() => say(socket)));
    await rig.openTo(port);
    expect(await rig.get(`http://up.test:${port}/`, { method: 'POST' })).toMatchObject({ status: 502 });
    expect(await rig.ended()).toMatchObject({ status: 502, failure });
  });

  test('that stops in the middle leaves an answer that nobody takes for whole', async () => {
    await using rig = new EgressRig();
    let turn = 0;
    const port = await rig.raw((socket) => {
      const said = ['HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'][turn++] ?? '';
      void headOf(socket).then(() => socket.end(said));
    });
    await rig.openTo(port);
    for (let i = 0; i < 2; i++) await expect(rig.get(`http://up.test:${port}/`)).rejects.toThrow(/aborted|socket hang up|ECONNRESET/);
  });

  test('that hangs up without a word is asked once more, where that is safe', async () => {
    await using rig = new EgressRig();
    const asked: string[] = [];
    // Each connection answers once, and is then found to be closed.
    const port = await rig.raw((socket) => {
      void (async () => {
        asked.push((await headOf(socket)).split(' ', 1)[0] ?? '');
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        asked.push((await headOf(socket)).split(' ', 1)[0] ?? '');
        socket.resetAndDestroy();
      })().catch(() => {});
    });
    await rig.openTo(port);
    const url = `http://up.test:${port}/`;
    expect((await rig.get(url)).status).toBe(200);
    expect((await rig.get(url)).status).toBe(200);
    expect(asked).toEqual(['GET', 'GET', 'GET']);
    expect((await rig.get(url, { method: 'POST' }, 'x')).status).toBe(502);
    expect(asked).toEqual(['GET', 'GET', 'GET', 'POST']);
  });
});
