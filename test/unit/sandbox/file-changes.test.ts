import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FileChange } from '../../../src/contracts/index.ts';
import { readChanges } from '../../../src/sandbox/file-changes.ts';

const LETTERS = { created: 'c', changed: 'm', removed: 'r', overflow: 'o' } as const;

async function* pieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

const read = (text: string): Promise<(FileChange | 'ready')[]> => Array.fromAsync(readChanges(pieces(Buffer.from(text), [])));

test('changes are read whatever is in a name and however they are cut', async () => {
  const path = fc.string({ minLength: 1, unit: 'binary' }).filter((text) => !text.includes('\0') && text.isWellFormed());
  const change = fc.record({ kind: fc.constantFrom('created', 'changed', 'removed', 'overflow'), path });
  await fc.assert(
    fc.asyncProperty(fc.array(change), fc.array(fc.nat(9)), async (changes, sizes) => {
      const said = Buffer.from(`w .\0${changes.map(({ kind, path: name }) => `${LETTERS[kind]} ${name}\0`).join('')}`);
      expect(await Array.fromAsync(readChanges(pieces(said, sizes)))).toEqual(['ready', ...changes]);
    }),
  );
});

test.each(['c a\0', 'w .\0w .\0', 'w .\0x a\0', 'w .\0c\0', 'w .\0c \0', 'w .\0ca\0', '\0', `w .\0c ${'x'.repeat(20_000)}`])('%j is refused', async (text) => {
  await expect(read(text)).rejects.toMatchObject({ code: 'wire_violation' });
});
