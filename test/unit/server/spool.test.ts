import { openSync, readdirSync, readFileSync, readlinkSync, rmSync, writeSync, closeSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OutputLog } from '../../../src/server/sandboxes/output-log.ts';
import { Spool } from '../../../src/server/sandboxes/spool.ts';

const CANARY = 'the canary sang at the bottom of the mine\n';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-spool-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The file without a name, as whoever reads the disk finds it. */
function nameless(): string {
  const [found] = readdirSync('/proc/self/fd').map((fd) => `/proc/self/fd/${fd}`).filter((path) => linkOf(path).startsWith(folder));
  if (found === undefined) throw new Error('there is no file of the spool');
  return found;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // The one by which they are listed.
    return '';
  }
}

test('output that does not fit into memory is read again from any byte, and is on the disk under no name and in no word', async () => {
  const spool = new Spool(folder, { files: 1, bytes: 1_000_000 });
  await using log = new OutputLog(spool);
  const text = CANARY.repeat(10_000);
  for (let at = 0; at < text.length; at += 7_001) await log.append({ channel: 'stdout', offset: at, bytes: Buffer.from(text.slice(at, at + 7_001)) });
  log.end();
  expect(spool.isFull).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
  const onDisk = readFileSync(nameless());
  expect(onDisk.length).toBeGreaterThan(300_000);
  expect(onDisk.includes('canary')).toBe(false);
  for (const from of [0, 12_345, 300_000]) {
    const read = await Array.fromAsync(log.read({ stdout: from }));
    expect(Buffer.concat(read.map(({ bytes }) => bytes)).toString() === text.slice(from)).toBe(true);
  }
  await log[Symbol.asyncDispose]();
  expect(spool.isFull).toBe(false);
});

test('a piece that was altered on the disk is not taken for what was put out', async () => {
  await using file = await new Spool(folder).open();
  const at = await file.append(Buffer.from(CANARY));
  expect((await file.read(at, CANARY.length)).toString()).toBe(CANARY);
  const other = openSync(nameless(), 'r+');
  writeSync(other, Buffer.from('x'), 0, 1, at + 3);
  closeSync(other);
  await expect(file.read(at, CANARY.length)).rejects.toThrow();
});
