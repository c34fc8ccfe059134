import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FolderBlobs } from '../../src/journal/index.ts';

const HELLO = 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

let folder: string;
let blobs: FolderBlobs;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-blobs-'));
  blobs = new FolderBlobs(join(folder, 'blobs'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const fileOf = (hash: string) => join(folder, 'blobs', hash.slice(7, 9), hash.slice(9));

describe('blobs in a folder', () => {
  test('are named by their content and given back as they were', async () => {
    expect(await blobs.put(Buffer.from('hello'))).toBe(HELLO);
    expect((await blobs.get(HELLO)).toString()).toBe('hello');
    const empty = await blobs.put(Buffer.alloc(0));
    expect((await blobs.get(empty)).length).toBe(0);
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
