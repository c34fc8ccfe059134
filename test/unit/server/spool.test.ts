import { closeSync, fstatSync, ftruncateSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeSync } from 'node:fs';
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
  await using log = new OutputLog(() => spool.open());
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
  const at = await file.append({ channel: 'stdout', offset: 0, bytes: Buffer.from(CANARY) });
  expect((await file.read(at, CANARY.length)).toString()).toBe(CANARY);
  const other = openSync(nameless(), 'r+');
  writeSync(other, Buffer.from('x'), 0, 1, at + 3);
  closeSync(other);
  await expect(file.read(at, CANARY.length)).rejects.toThrow();
});

const PLACE = { tenant: 'acme', sandbox: 'sbx_01m80ykfe9dgc1gxfqv7rza01k', command: 'cmd_01m80ykfe9dgc1gxfqv7rza01k' };
/** As if a tenant's key held them. */
const keys = {
  seal: (_tenant: string, about: string, key: Buffer) => Promise.resolve(JSON.stringify([about, key.toString('hex')])),
  open: (about: string, sealed: string) => {
    const [was, key] = JSON.parse(sealed) as [string, string]; // As `seal` has written it.
    if (was !== about) throw new Error('it is about something else');
    return Promise.resolve(Buffer.from(key, 'hex'));
  },
};

/** A log of which the service dies: its file stays as it is. */
async function left(text: string): Promise<void> {
  const log = new OutputLog(() => new Spool(folder, undefined, keys).open(PLACE));
  for (let at = 0; at < text.length; at += 50_001) await log.append({ channel: 'stdout', offset: at, bytes: Buffer.from(text.slice(at, at + 50_001)) });
}

test('output that somebody may come back to is taken up where the service died; what init sends again counts once, and what was half written not at all', async () => {
  const text = CANARY.repeat(10_000);
  await left(text.slice(0, 200_000));
  const path = join(folder, PLACE.sandbox, PLACE.command);
  expect(readFileSync(path).includes('canary')).toBe(false);
  const torn = openSync(path, 'r+');
  ftruncateSync(torn, fstatSync(torn).size - 5);
  closeSync(torn);

  const spool = new Spool(folder, undefined, keys);
  expect(spool.sandboxes()).toEqual([PLACE.sandbox]);
  const found = await spool.takeUp(PLACE);
  const known = found?.pieces.reduce((sum, { length }) => sum + length, 0) ?? 0;
  expect(known).toBeGreaterThan(50_000);
  expect(known).toBeLessThan(200_000);
  await using log = new OutputLog(() => spool.open(PLACE), found);
  // From where init still has it.
  for (let at = known - 10_000; at < text.length; at += 30_000) await log.append({ channel: 'stdout', offset: at, bytes: Buffer.from(text.slice(at, at + 30_000)) });
  log.end();
  for (const from of [0, known - 1, known, text.length - 1]) {
    const read = await Array.fromAsync(log.read({ stdout: from }));
    expect(Buffer.concat(read.map(({ bytes }) => bytes)).toString() === text.slice(from)).toBe(true);
  }
  await log[Symbol.asyncDispose]();
  expect(readdirSync(join(folder, PLACE.sandbox))).toEqual([]);
  await spool.forget(PLACE.sandbox);
  expect(spool.sandboxes()).toEqual([]);
});

test('a file that is another command’s, or whose tenant was erased, is nobody’s output', async () => {
  await left(CANARY.repeat(3000));
  const other = { ...PLACE, command: 'cmd_11m80ykfe9dgc1gxfqv7rza01k' };
  renameSync(join(folder, PLACE.sandbox, PLACE.command), join(folder, PLACE.sandbox, other.command));
  const spool = new Spool(folder, undefined, keys);
  expect(await spool.takeUp(other)).toBeUndefined();
  await left(CANARY.repeat(3000));
  expect(await new Spool(folder, undefined, { ...keys, open: () => Promise.resolve(undefined) }).takeUp(PLACE)).toBeUndefined();
  expect(readdirSync(join(folder, PLACE.sandbox))).toEqual([]);
});
