import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readEntries } from '../../../src/sandbox/file-entries.ts';

test('entries are read, whatever is in their names', () => {
  const bytes = Buffer.from('f 644 5 1795220658557528678 2 1 1000 1000\0a\nb "c"\0\0l 777 3 -1 18446744073709551615 1 0 0\0link\0../x\0');
  expect(readEntries(bytes)).toEqual([
    { path: 'a\nb "c"', type: 'file', mode: 0o644, sizeBytes: 5, modifiedNs: 1795220658557528678n, inode: 2n },
    { path: 'link', type: 'symlink', mode: 0o777, sizeBytes: 3, modifiedNs: -1n, inode: 18446744073709551615n, target: '../x' },
  ]);
  expect(readEntries(Buffer.alloc(0))).toEqual([]);
});

test.each(['f 644 5 0 2 1 0 0\0a', 'f 644 5 0 2 1 0 0\0a\0', 'x 644 5 0 2 1 0 0\0a\0\0', 'f 999 5 0 2 1 0 0\0a\0\0', 'f 644 5 0 2 1 0 0\0\0\0', 'f 644\0a\0\0'])(
  'what is no entry is not guessed at: %j',
  (text) => {
    expect(() => readEntries(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'wire_violation' }) as Error);
  },
);

test('whatever the bytes, reading ends in entries or in a violation', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        readEntries(Buffer.from(bytes));
      } catch (error) {
        expect(error).toMatchObject({ code: 'wire_violation' });
      }
    }),
  );
});
