import { expect, test } from 'vitest';
import fc from 'fast-check';
import { FrameReader, frameOf } from '../../../src/sandbox/isolate/frames.ts';

test('messages come out as they went in, however the bytes are cut', () => {
  const messages = fc.array(fc.record({ type: fc.string(), text: fc.string({ unit: 'binary' }) }), { maxLength: 8 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(frameOf));
      const reader = new FrameReader(2 ** 20);
      const got: unknown[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = cuts[i % cuts.length] ?? 1;
        got.push(...reader.push(bytes.subarray(at, at + size)));
        at += size;
      }
      expect(got).toEqual(JSON.parse(JSON.stringify(sent)));
    }),
  );
});

test('a length beyond the limit is refused before its bytes have come', () => {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(1001);
  expect(() => [...new FrameReader(1000).push(header)]).toThrow(RangeError);
});

test('what is no JSON is refused', () => {
  expect(() => [...new FrameReader(1000).push(Buffer.from('\0\0\0\x02{]'))]).toThrow(SyntaxError);
});
