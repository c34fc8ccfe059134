import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { BlobFiles } from '../../src/journal/blob-files.ts';

async function* inPieces(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}

async function all(files: BlobFiles, name: string): Promise<Buffer | undefined> {
  const pieces = await files.open(name);
  return pieces === undefined ? undefined : Buffer.concat(await Array.fromAsync(pieces));
}

/** What every place of blobs has to do. Each test has an empty one. */
export function testBlobFiles(empty: () => Promise<BlobFiles>): void {
  test('give back what was written, whole or in pieces, and the last that was written counts', async () => {
    const files = await empty();
    const large = randomBytes(3_000_000);
    await files.write('ab/first', Buffer.from('hello'));
    await files.writeStream(inPieces([large.subarray(0, 1_000_000), large.subarray(1_000_000)]), () => 'ab/second');
    await files.write('cd/empty', Buffer.alloc(0));
    await files.writeStream(inPieces([]), () => 'cd/none');
    expect([await files.read('ab/first'), await files.read('cd/empty'), await files.read('cd/none')].map(String)).toEqual(['hello', '', '']);
    expect([(await files.read('ab/second'))?.equals(large), (await all(files, 'ab/second'))?.equals(large)]).toEqual([true, true]);
    await files.write('ab/second', Buffer.from('other'));
    await files.settle('ab/second');
    expect(String(await all(files, 'ab/second'))).toBe('other');
  });

  test('of what is not there there is nothing, and nothing is left of a source that fails', async () => {
    const files = await empty();
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(100_000);
      throw new Error('the source is gone');
    };
    await expect(files.writeStream(failing(), () => 'ab/half')).rejects.toThrow('the source is gone');
    expect([await files.read('ab/half'), await files.open('ab/half'), await Array.fromAsync(files.list(''))]).toEqual([undefined, undefined, []]);
    await files.remove('ab/half');
  });

  test('are listed by their folder, however many they are, and can be removed', async () => {
    const files = await empty();
    for (const name of ['acme/ab/1', 'acme/ab/22', 'acme/cd/333', 'acme/ef/4444', 'acmeevil/ab/1', 'other/ab/1']) await files.write(name, Buffer.from(name.slice(name.lastIndexOf('/') + 1)));
    const names = async (folder: string) => (await Array.fromAsync(files.list(folder))).map(({ name, bytes }) => `${name} ${bytes}`).toSorted();
    expect(await names('acme')).toEqual(['acme/ab/1 1', 'acme/ab/22 2', 'acme/cd/333 3', 'acme/ef/4444 4']);
    expect(await names('')).toHaveLength(6);
    expect((await Array.fromAsync(files.list('other')))[0]?.writtenMs).toBeGreaterThan(Date.UTC(2026, 0));
    await files.remove('acme/ab/22');
    expect([await files.read('acme/ab/22'), await names('acme/ab')]).toEqual([undefined, ['acme/ab/1 1']]);
    expect(await names('nobody')).toEqual([]);
  });
}
