import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fields, FieldWriter, readU64, writeU64 } from '../../../../src/sandbox/wire/fields.ts';

describe('tagged fields', () => {
  test('what was written is read', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(0xffff_ffff), fc.maxSafeNat(), (text, small, large) => {
        const fields = Fields.parse(new FieldWriter().text(1, text).u32(2, small).u64(3, large).toBuffer(), { 1: 'text', 2: 'u32', 3: 'u64' });
        expect(fields.text(1)).toBe(Buffer.from(text).toString());
        expect(fields.number(2)).toBe(small);
        expect(fields.number(3)).toBe(large);
      }),
    );
  });

  test('whatever the bytes, parsing ends in fields or in a violation', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          Fields.parse(Buffer.from(bytes), { 1: 'u32', 2: 'text', 3: 'u64' });
        } catch (error) {
          expect(error).toMatchObject({ code: 'wire_violation' });
        }
      }),
    );
  });

  test.each([
    ['an unknown tag', new FieldWriter().u32(9, 1).toBuffer()],
    ['a tag twice', new FieldWriter().u32(1, 1).u32(1, 2).toBuffer()],
    ['a number of a wrong size', new FieldWriter().u64(1, 1).toBuffer()],
    ['a cut field', new FieldWriter().u32(1, 1).toBuffer().subarray(0, 8)],
    ['a cut field header', Buffer.from([1, 0, 4])],
  ])('%s is a violation', (_what, bytes) => {
    expect(() => Fields.parse(bytes, { 1: 'u32' })).toThrow(/broke the wire/);
  });

  test('a number that no honest offset reaches is a violation', () => {
    const bytes = Buffer.alloc(8);
    writeU64(bytes, Number.MAX_SAFE_INTEGER, 0);
    expect(readU64(bytes, 0)).toBe(Number.MAX_SAFE_INTEGER);
    bytes.writeUInt32LE(0x20_0000, 4);
    expect(() => readU64(bytes, 0)).toThrow(/2\^53/);
  });
});
