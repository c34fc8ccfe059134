import { describe, expect, test } from 'vitest';
import { EgressRig, headOf, within } from '../../support/egress.ts';

/** A server that answers each request to the letter; gives its port, and which connection each request came on. */
async function serverOf(rig: EgressRig, answer: string): Promise<{ readonly port: number; readonly on: number[] }> {
  const on: number[] = [];
  let connections = 0;
  const port = await rig.raw((socket) => {
    connections += 1;
    const mine = connections;
    void (async () => {
      for (;;) {
        await headOf(socket);
        on.push(mine);
        socket.write(answer);
      }
    })().catch(() => socket.destroy());
  });
  await rig.openTo(port);
  return { port, on };
}

async function twice(rig: EgressRig, port: number): Promise<void> {
  for (let i = 0; i < 2; i++) expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 200, body: 'ok' });
}

describe('a connection to the other side', () => {
  test.each([
    ['is kept for the next request', 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=5\r\ncontent-length: 2\r\n\r\nok', [1, 1]],
    ['is kept after chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', [1, 1]],
    ['is not, where the other side says that it closes it', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok', [1, 2]],
    ['is not, where the other side may be about to close it', 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok', [1, 2]],
    ['is not, where more came than was asked for', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil', [1, 2]],
    ['is not with HTTP/1.0', 'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok', [1, 2]],
  ])('%s', async (_, answer, on) => {
    await using rig = new EgressRig();
    const server = await serverOf(rig, answer);
    await twice(rig, server.port);
    expect(server.on).toEqual(on);
  });

  test('is closed where something comes that nobody asked for', async () => {
    await using rig = new EgressRig();
    const closed = Promise.withResolvers<void>();
    const port = await rig.raw((socket) => {
      void headOf(socket).then(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', () => setImmediate(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil'))));
      socket.once('close', () => closed.resolve());
      socket.once('end', () => closed.resolve());
    });
    await rig.openTo(port);
    expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 200, body: 'ok' });
    await within(closed.promise, 'the end of the connection');
  });

  test('is given up where a body is not taken to its end: nobody finds the rest of it there', async () => {
    await using rig = new EgressRig();
    const on: number[] = [];
    let connections = 0;
    const port = await rig.raw((socket) => {
      connections += 1;
      on.push(connections);
      void headOf(socket).then(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    });
    await rig.openTo(port);
    const stream = rig.dialProxy();
    stream.write(`POST http://up.test:${port}/ HTTP/1.1\r\nhost: up.test:${port}\r\ncontent-length: 1000\r\n\r\nhalf`);
    expect(await headOf(stream)).toContain('200 OK');
    stream.destroy();
    await rig.ended();
    expect(await rig.get(`http://up.test:${port}/`)).toMatchObject({ status: 200, body: 'ok' });
    expect(on).toEqual([1, 2]);
  });
});
