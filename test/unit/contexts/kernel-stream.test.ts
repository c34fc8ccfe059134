import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEnd, readMessage } from '../../../src/session/contexts/kernel-messages.ts';
import { KernelStream, KernelViolation } from '../../../src/session/contexts/kernel-stream.ts';

const TOKEN = 'ab'.repeat(16);
const MARK = `\0gbx:${TOKEN}:`;
const piece = (text: string, last = true): string => `${MARK}${Buffer.byteLength(text).toString(16).padStart(4, '0')}${last ? '.' : '+'}${text}`;

/** What came out: the code's bytes as one, and messages. */
function read(chunks: readonly Buffer[], maxBytes = 1000): { bytes: string; messages: string[] } {
  const stream = new KernelStream(TOKEN, maxBytes);
  const items = chunks.flatMap((chunk) => stream.push(chunk));
  const bytes = [...items.flatMap((item) => ('bytes' in item ? [item.bytes] : [])), stream.flush()];
  return { bytes: Buffer.concat(bytes).toString('latin1'), messages: items.flatMap((item) => ('message' in item ? [item.message] : [])) };
}

describe('an interpreter’s channel', () => {
  test('is taken apart into what the code wrote and what the kernel said', () => {
    const all = `out${piece('{"a"', false)}put${piece(':1}')} and ${piece('two')}more`;
    expect(read([Buffer.from(all)])).toEqual({ bytes: 'output and more', messages: ['{"a":1}', 'two'] });
  });

  test('comes out the same however it arrives', () => {
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => ({ wire: Buffer.from(bytes), bytes: Buffer.from(bytes).toString('latin1'), message: undefined })),
      fc.constantFrom('\0', '\0gbx:', MARK.slice(0, -1)).map((text) => ({ wire: Buffer.from(text), bytes: text, message: undefined })),
      fc.string({ minLength: 1, maxLength: 40 }).map((text) => ({ wire: Buffer.from(piece(text)), bytes: '', message: Buffer.from(text).toString() })),
    );
    fc.assert(
      fc.property(fc.array(part), fc.array(fc.nat(200), { minLength: 1 }), (parts, cuts) => {
        const whole = Buffer.concat(parts.map(({ wire }) => wire));
        // What the code wrote may happen to come to a mark: that is no such channel.
        fc.pre(whole.toString('latin1').split(MARK).length - 1 === parts.filter(({ message }) => message !== undefined).length);
        const chunks: Buffer[] = [];
        for (let at = 0, i = 0; at < whole.length; i++) {
          const length = 1 + (cuts[i % cuts.length] ?? 0);
          chunks.push(whole.subarray(at, at + length));
          at += length;
        }
        expect(read(chunks)).toEqual({ bytes: parts.map(({ bytes }) => bytes).join(''), messages: parts.flatMap(({ message }) => message ?? []) });
      }),
    );
  });

  test('gives what the code wrote at once, but for what may be the beginning of a mark', () => {
    const stream = new KernelStream(TOKEN, 1000);
    expect(stream.push(Buffer.from('text\0gb'))).toEqual([{ bytes: Buffer.from('text') }]);
    expect(stream.push(Buffer.from('y'))).toEqual([{ bytes: Buffer.from('\0gby') }]);
  });

  test.each([
    ['has no length', `${MARK}zzzz.`],
    ['has a length and no end', `${MARK}0001!a`],
    ['is empty', `${MARK}0000+`],
    ['makes a message too long', piece('x'.repeat(600), false) + piece('x'.repeat(600), false)],
  ])('with a piece that %s is refused', (_, wire) => {
    expect(() => read([Buffer.from(wire)])).toThrow(KernelViolation);
  });

  test('never throws anything else, and never holds more than it was given', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array(), fc.constant(Buffer.from(MARK)), fc.string().map((text) => Buffer.from(text)))), (chunks) => {
        try {
          read(chunks.map((chunk) => Buffer.from(chunk)));
        } catch (error) {
          expect(error).toBeInstanceOf(KernelViolation);
        }
      }),
    );
  });
});

describe('a message', () => {
  test('is read where it is one', () => {
    expect(readMessage('{"type":"end","call":3,"status":"ok"}')).toEqual({ type: 'end', call: 3, status: 'ok' });
    expect(readEnd('{"end":3}')).toBe(3);
  });

  test.each(['', 'null', '[]', '{"type":"none"}', '{"type":"end","call":0,"status":"ok"}', '{"type":"end","call":1,"status":"ok","more":1}', '{"type":"result","data":{"a":1}}', '['.repeat(100_000)])(
    '%.40s is none',
    (text) => {
      expect(() => readMessage(text)).toThrow(KernelViolation);
      expect(() => readEnd(text)).toThrow(KernelViolation);
    },
  );

  test('that names prototypes changes none', () => {
    const message = readMessage('{"type":"result","data":{"text/plain":"1","__proto__":"x"}}');
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(message).toMatchObject({ data: { 'text/plain': '1' } });
  });
});
