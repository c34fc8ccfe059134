import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readTar } from '../../../src/workspace/tar-reader.ts';
import { archiveOf, END_OF_ARCHIVE, headerBlock, inChunks, padded } from './support.ts';

interface Read {
  readonly path: string;
  readonly type: string;
  readonly executable: boolean;
  readonly target: string;
  readonly content: string;
}

async function readAll(bytes: Buffer, chunkSize?: number): Promise<Read[]> {
  const found: Read[] = [];
  for await (const { path, type, executable, target, body } of readTar(inChunks(bytes, chunkSize))) {
    found.push({ path, type, executable, target, content: Buffer.concat(await Array.fromAsync(body)).toString('latin1') });
  }
  return found;
}

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 130 }).filter((text) => text.isWellFormed() && !/[\0/]/.test(text) && text !== '.');
const file = fc.record({ names: fc.array(name, { minLength: 1, maxLength: 3 }), content: fc.uint8Array({ maxLength: 2000 }), executable: fc.boolean() });

describe('readTar', () => {
  it('reads what tar-stream writes, however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(file, { maxLength: 5 }), fc.integer({ min: 1, max: 3000 }), async (files, chunkSize) => {
        const entries = files.map(({ names, content, executable }) => ({
          name: names.join('/'),
          type: 'file' as const,
          mode: executable ? 0o755 : 0o644,
          content: Buffer.from(content),
        }));
        const expected = entries.map((entry) => ({
          path: entry.name,
          type: 'file',
          executable: entry.mode === 0o755,
          target: '',
          content: entry.content.toString('latin1'),
        }));
        expect(await readAll(await archiveOf(entries), chunkSize)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('reads folders and links, with long targets', async () => {
    const target = `${'t'.repeat(90)}/${'u'.repeat(90)}`;
    const bytes = await archiveOf([
      { name: 'd/', type: 'directory' },
      { name: 'd/l', type: 'symlink', linkname: target },
    ]);
    expect(await readAll(bytes)).toEqual([
      { path: 'd', type: 'directory', executable: true, target: '', content: '' },
      { path: 'd/l', type: 'symlink', executable: expect.any(Boolean), target, content: '' },
    ]);
  });

  it('goes on with the next entry when a body was left unread', async () => {
    const bytes = await archiveOf([
      { name: 'a', content: Buffer.alloc(700_000, 'a') },
      { name: 'b', content: 'b' },
    ]);
    const paths: string[] = [];
    for await (const entry of readTar(inChunks(bytes))) {
      paths.push(entry.path);
      for await (const _ of entry.body) break;
    }
    expect(paths).toEqual(['a', 'b']);
  });

  it.each([
    ['at a slash', Buffer.from('long/')],
    ['inside a character', Buffer.from([0x6c, 0xc3])],
  ])('takes the name from the pax record where the header has it cut %s', async (_, name_) => {
    const pax = Buffer.from('19 path=long/näme\n');
    const header = headerBlock({ name: name_, type: '0', size: 2 });
    const bytes = Buffer.concat([headerBlock({ type: 'x', size: pax.length }), padded(pax), header, padded(Buffer.from('hi')), END_OF_ARCHIVE]);
    expect(await readAll(bytes)).toMatchObject([{ path: 'long/näme', type: 'file', content: 'hi' }]);
  });

  it('refuses an archive that is cut off, wherever', async () => {
    const whole = await archiveOf([
      { name: 'ä'.repeat(80), content: 'x'.repeat(600) },
      { name: 'b', content: 'y' },
    ]);
    const end = whole.length - 1024;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: end + 511 }), async (length) => {
        await expect(readAll(whole.subarray(0, length))).rejects.toMatchObject({ code: 'archive_hostile' });
      }),
      { numRuns: 100 },
    );
  });
});

describe('readTar refuses', () => {
  const pax = (text: string) => Buffer.concat([headerBlock({ type: 'x', size: text.length }), padded(Buffer.from(text)), headerBlock({ type: '0' }), END_OF_ARCHIVE]);
  const broken = headerBlock({ type: '0' });
  broken[0] = 0x79;

  it.each<[string, Buffer]>([
    ['a hard link', headerBlock({ type: '1', linkname: '/etc/passwd' })],
    ['a character device', headerBlock({ type: '3' })],
    ['a block device', headerBlock({ type: '4' })],
    ['a FIFO', headerBlock({ type: '6' })],
    ['a global pax record', headerBlock({ type: 'g', size: 0 })],
    ['a GNU long name', headerBlock({ type: 'L', size: 4_000_000 })],
    ['a sparse file', headerBlock({ type: 'S' })],
    ['a folder with content', headerBlock({ type: '5', size: 512 })],
    ['a link with content', headerBlock({ type: '2', size: 512, linkname: 'a' })],
    ['a binary size', headerBlock({ type: '0', size: '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb' })],
    ['a negative size', headerBlock({ type: '0', size: '-0000000010\0' })],
    ['a wrong checksum', broken],
    ['a name that is not UTF-8', headerBlock({ name: Buffer.from([0xff, 0xfe]), type: '0' })],
    ['pax records larger than 64 KiB', headerBlock({ type: 'x', size: 65_537 })],
    ['pax records after pax records', Buffer.concat([headerBlock({ type: 'x', size: 0 }), headerBlock({ type: 'x', size: 0 })])],
    ['a pax size', pax('9 size=7\n')],
    ['a pax record of length zero', pax('0 a=b\n')],
    ['a pax record with a negative length', pax('-6 a=b\n')],
    ['a pax record that is longer than its header says', pax('99 path=b\n')],
    ['a pax record without a value', pax('5 ab\n')],
    ['bytes after the end', Buffer.concat([END_OF_ARCHIVE, Buffer.from('more')])],
    ['nothing at all', Buffer.alloc(0)],
  ])('%s', async (_, bytes) => {
    await expect(readAll(Buffer.concat([bytes, bytes.length % 512 === 0 && bytes.length > 0 ? END_OF_ARCHIVE : Buffer.alloc(0)]))).rejects.toMatchObject({ code: 'archive_hostile' });
  });

  it('names the entry', async () => {
    await expect(readAll(headerBlock({ name: 'dev/sda', type: '4' }))).rejects.toThrow('"dev/sda"');
  });
});
