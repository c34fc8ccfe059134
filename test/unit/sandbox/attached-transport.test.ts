import { duplexPair } from 'node:stream';
import { once } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attachedTransport } from '../../../src/sandbox/docker/attached-transport.ts';

function piece(stream: number, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

test('stdout is what is left of the engine’s stream, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 300 })), { maxLength: 10 }), fc.array(fc.nat(3000), { maxLength: 10 }), async (pieces, cuts) => {
      const [engine, ours] = duplexPair();
      const { output } = attachedTransport(ours);
      const bytes = Buffer.concat(pieces.map(([stream, content]) => piece(stream, content)));
      const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
      for (let i = 0, from = 0; i < places.length; from = places[i] ?? 0, i++) engine.write(bytes.subarray(from, places[i]));
      engine.end();
      const read = await Array.fromAsync(output as AsyncIterable<Buffer>);
      expect(Buffer.concat(read)).toEqual(Buffer.concat(pieces.filter(([stream]) => stream === 1).map(([, content]) => content)));
    }),
  );
});

test('what is written goes to the engine as it is, and closing lets go of the connection', async () => {
  const [engine, ours] = duplexPair();
  const transport = attachedTransport(ours);
  const closed = new Promise((resolve) => transport.output.on('close', resolve));
  transport.input.write('abc');
  expect(((await once(engine, 'data')) as [Buffer])[0].toString()).toBe('abc');
  transport.close();
  transport.close();
  await closed;
});

test('what came before the end is read after it, and a connection that is cut ends the output', async () => {
  const [engine, ours] = duplexPair();
  const { output, input } = attachedTransport(ours);
  engine.end(piece(1, Buffer.from('last words')));
  input.end();
  engine.resume();
  output.read(0);
  await once(ours, 'close');
  expect(Buffer.concat(await Array.fromAsync(output as AsyncIterable<Buffer>)).toString()).toBe('last words');

  const [, cut] = duplexPair();
  const transport = attachedTransport(cut);
  cut.destroy(new Error('cut'));
  expect(((await once(transport.output, 'error')) as [Error])[0].message).toBe('cut');
});

test('who reads nothing is not read for', async () => {
  const [engine, ours] = duplexPair();
  const { output } = attachedTransport(ours);
  const one = piece(1, Buffer.alloc(64 * 1024));
  const sent = 64;
  for (let i = 0; i < sent; i++) engine.write(one);
  await new Promise(setImmediate);
  expect(output.readableLength + ours.readableLength).toBeLessThan((sent * one.length) / 4);
  engine.end();
  let bytes = 0;
  for await (const read of output as AsyncIterable<Buffer>) bytes += read.length;
  expect(bytes).toBe(sent * 64 * 1024);
});
