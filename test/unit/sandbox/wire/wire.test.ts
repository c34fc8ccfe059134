import { randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { KEY_BYTES, ToGuest } from '../../../../src/sandbox/wire/protocol.ts';
import { Wire, type WireEnd } from '../../../../src/sandbox/wire/wire.ts';

test('a guest that reads nothing of what is sent to it is given up before that fills the memory', async () => {
  const ends: WireEnd[] = [];
  // Takes the first write, and never says that it has.
  const input = new Writable({ write: () => undefined });
  const wire = new Wire({
    transport: { input, output: new PassThrough(), close: () => undefined },
    keys: { toGuest: randomBytes(KEY_BYTES), fromGuest: randomBytes(KEY_BYTES) },
    epoch: 1,
    pingEveryMs: 1e6,
    pingsUnanswered: 4,
    listener: { ready: () => undefined, network: () => undefined, closed: (end) => ends.push(end) },
  });
  const payload = Buffer.alloc(256 * 1024);
  for (let stream = 1; stream <= 400; stream++) wire.send(ToGuest.exec, stream, payload);
  await nextTurn();
  expect(ends).toEqual([]);
  for (let stream = 401; stream <= 600; stream++) wire.send(ToGuest.exec, stream, payload);
  await nextTurn();
  expect(ends).toMatchObject([{ why: 'violation', error: { message: expect.stringContaining('does not read') as string } }]);
  expect(input.writableLength).toBeLessThan(140 * 2 ** 20);
});
