import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BlobFolder } from '../../src/journal/blob-folder.ts';
import { FolderBlobs } from '../../src/journal/index.ts';
import { testBlobFiles } from './blob-files.suite.ts';

const HELLO = 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

let folder: string;
let blobs: FolderBlobs;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-blobs-'));
  blobs = new FolderBlobs(join(folder, 'blobs'));
});

afterEach(() => rmSync(folder, { recursive: true }));

async function* asyncOf(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}

const fileOf = (hash: string) => join(folder, 'blobs', hash.slice(7, 9), hash.slice(9));

describe('files of a folder of blobs', () => testBlobFiles(() => Promise.resolve(new BlobFolder(join(folder, 'files')))));

describe('blobs in a folder', () => {
  test('are named by their content and given back as they were', async () => {
    expect(await blobs.put(Buffer.from('hello'))).toBe(HELLO);
    expect((await blobs.get(HELLO)).toString()).toBe('hello');
    const empty = await blobs.put(Buffer.alloc(0));
    expect((await blobs.get(empty)).length).toBe(0);
  });

  test('may come and go as streams, and are the same blobs', async () => {
    const pieces = Array.from({ length: 40 }, (_, i) => Buffer.alloc(50_000, i));
    const whole = Buffer.concat(pieces);
    const { hash, bytes } = await blobs.putStream(asyncOf(pieces));
    expect([hash, bytes]).toEqual([await blobs.put(whole), whole.length]);
    expect(Buffer.concat(await Array.fromAsync(blobs.getStream(hash))).equals(whole)).toBe(true);
    const empty = await blobs.putStream(asyncOf([]));
    expect(await Array.fromAsync(blobs.getStream(empty.hash))).toEqual([]);
    expect(readdirSync(join(folder, 'blobs', 'incoming'))).toEqual([]);
  });

  test('that are altered are found out before their last piece', async () => {
    const { hash } = await blobs.putStream(asyncOf([Buffer.alloc(1_000_000, 1)]));
    const altered = readFileSync(fileOf(hash));
    altered.writeUInt8(2, 0);
    writeFileSync(fileOf(hash), altered);
    let received = 0;
    const reading = (async () => {
      for await (const piece of blobs.getStream(hash)) received += piece.length;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'journal_tampered' });
    expect(received).toBeLessThan(1_000_000);
    // Putting it again heals it.
    await blobs.putStream(asyncOf([Buffer.alloc(1_000_000, 1)]));
    expect((await blobs.get(hash)).length).toBe(1_000_000);
    await expect(Array.fromAsync(blobs.getStream(HELLO))).rejects.toMatchObject({ code: 'not_found' });
  });

  test('whose source fails leave nothing, and neither does one who died', async () => {
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('some');
      throw new Error('the source is gone');
    };
    await expect(blobs.putStream(failing())).rejects.toThrow('the source is gone');
    const incoming = join(folder, 'blobs', 'incoming');
    expect(readdirSync(incoming)).toEqual([]);
    writeFileSync(join(incoming, 'young'), 'of somebody who is at it');
    writeFileSync(join(incoming, 'old'), 'of somebody who died');
    utimesSync(join(incoming, 'old'), 0, 0);
    await blobs.putStream(asyncOf([Buffer.from('hello')]));
    expect(readdirSync(incoming)).toEqual(['young']);
  });

  test('belong to their owner alone', async () => {
    await blobs.put(Buffer.from('hello'));
    expect(statSync(fileOf(HELLO)).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'blobs')).mode & 0o777).toBe(0o700);
  });

  test('may be put by many at once and leave one file', async () => {
    const others = Array.from({ length: 20 }, () => new FolderBlobs(join(folder, 'blobs')).put(Buffer.from('hello')));
    expect(new Set(await Promise.all(others))).toEqual(new Set([HELLO]));
    expect(readdirSync(join(folder, 'blobs', HELLO.slice(7, 9)))).toEqual([HELLO.slice(9)]);
  });

  test('are refused when their content was altered, and healed when it is put again', async () => {
    await blobs.put(Buffer.from('hello'));
    writeFileSync(fileOf(HELLO), 'jello');
    await expect(blobs.get(HELLO)).rejects.toMatchObject({ code: 'journal_tampered', message: expect.stringContaining(HELLO) });
    await blobs.put(Buffer.from('hello'));
    expect(readFileSync(fileOf(HELLO), 'utf8')).toBe('hello');
  });

  test('say so when there is none of that name, and never look outside their folder', async () => {
    const none = `sha256:${'0'.repeat(64)}`;
    await expect(blobs.get(none)).rejects.toMatchObject({ code: 'not_found' });
    for (const name of ['', 'sha256:', '../../etc/passwd', `sha256:../${'0'.repeat(61)}`, none.toUpperCase()]) {
      await expect(blobs.get(name)).rejects.toMatchObject({ code: 'not_found' });
    }
  });

  test('fail with the folder named when it cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '');
    const inFile = new FolderBlobs(join(folder, 'file'));
    await expect(inFile.put(Buffer.from('hello'))).rejects.toMatchObject({
      code: 'journal_failed',
      message: expect.stringContaining(`cannot keep a blob in ${join(folder, 'file')}`),
    });
  });
});
