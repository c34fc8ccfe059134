import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GovernedSandbox, Session } from '../../src/session/index.ts';
import { KINDS, openWorld } from '../support/sandbox-kinds.ts';
import type { Kind } from '../support/sandbox-kinds.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';
import { SessionRig } from '../support/session.ts';

const policy = (kind: Kind, more = '', image = 'base'): string => `
sandbox: { image: ${JSON.stringify(image)}, images: ["*"], kinds: [${kind}] }
limits: { cpu: 2, memory: 512MiB, pids: 64, disk: 300MiB, inodes: 20000, open_files: 256 }
command: { wall: 1m }
session: { wall: 10m, idle: 5m }
${more}`;

/** Everything that a snapshot keeps, as one text to compare. */
const FINGERPRINT = 'cd /workspace && find . -mindepth 1 -printf "%P|%y|%m|%T@|%l\\n" | sed "s/\\.[0-9]*|/|/" | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum';
const TREE = [
  'cd /workspace && mkdir -p empty deep/er "$(printf "%0150d" 1)"',
  'seq 1 300000 > deep/er/large && printf x > "with space" && : > nothing && printf y > "ünïcödé"',
  'chmod 750 deep; chmod 755 "with space"; chmod 400 nothing',
  'ln -s deep/er/large link; ln -s /etc/passwd outside; ln -s nowhere broken',
  'touch -d @1000000000 deep/er/large "with space"; touch -h -d @1200000000 link; touch -d @1100000000 empty deep/er deep',
].join('\n');

let worlds: readonly SandboxWorld[];
let rig: SessionRig;
beforeEach(() => {
  worlds = KINDS.map(openWorld);
  rig = new SessionRig(worlds.map(({ driver }) => driver));
});
afterEach(async () => {
  await rig[Symbol.asyncDispose]();
  for (const world of worlds) await world[Symbol.asyncDispose]();
});

describe.each([
  ['container', 'container', 'base'],
  ['container', 'container', 'debian:bookworm-slim'],
  ['container', 'process', 'base'],
  ['process', 'container', 'base'],
] as const)('the snapshot of a %s sandbox in a %s sandbox of the image %s', (from, to, image) => {
  test('is the same workspace: content, names, modes, links, empty folders, times', async () => {
    await using source = await rig.open(policy(from));
    const one = await source.sandbox('source');
    await succeed(one, TREE);
    const snapshot = await one.snapshot();
    expect(snapshot.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(snapshot.files).toBe(11);
    await using target = await rig.open(policy(to, '', image));
    const two = await target.sandbox('target', { snapshot: snapshot.id });
    expect(await succeed(two, FINGERPRINT)).toBe(await succeed(one, FINGERPRINT));
    expect(await rig.events(source)).toContainEqual(
      expect.objectContaining({ type: 'sandbox.snapshot', data: { sandbox: one.id, blob: snapshot.id, bytes: snapshot.bytes, files: 11 } }),
    );
    expect(await rig.events(target)).toContainEqual(expect.objectContaining({ type: 'sandbox.restored', data: { sandbox: two.id, blob: snapshot.id } }));
  });
});

describe.each(KINDS)('a %s sandbox', (kind) => {
  test('forks into sandboxes that begin where it is, and each goes its own way', async () => {
    await using session = await rig.open(policy(kind));
    const source = await session.sandbox('source');
    await succeed(source, 'echo common > /workspace/f');
    const { snapshot, sandboxes } = await session.fork(source, 3, 'fork');
    expect(sandboxes).toHaveLength(3);
    await Promise.all(sandboxes.map((each, i) => succeed(each, `echo ${i} >> /workspace/f`)));
    expect(await Promise.all(sandboxes.map((each) => succeed(each, 'cat /workspace/f')))).toEqual(['common\n0\n', 'common\n1\n', 'common\n2\n']);
    expect(await succeed(source, 'cat /workspace/f')).toBe('common\n');
    await source.restore(snapshot.id);
    expect(await succeed(source, 'cat /workspace/f')).toBe('common\n');
  });

  test('loses what was not there when it is restored, where policy lets it be deleted', async () => {
    await using session = await rig.open(policy(kind));
    const sandbox = await session.sandbox('test');
    await succeed(sandbox, 'echo a > /workspace/a');
    const { id } = await sandbox.snapshot();
    await succeed(sandbox, 'rm /workspace/a; mkdir -p /workspace/more/deep; echo b > /workspace/more/deep/b');
    await sandbox.restore(id);
    expect(await succeed(sandbox, 'cd /workspace && find . | sort')).toBe('.\n./a\n');
  });

  test('is asked about by policy both ways', async () => {
    const [unread, unwritten] = ['files: { deny: ["/workspace"] }', 'files: { write: ["/tmp/**"] }'];
    await using session = await rig.open(policy(kind, unread));
    const sandbox = await session.sandbox('test');
    await expect(sandbox.snapshot()).rejects.toMatchObject({ code: 'denied' });
    await using other = await rig.open(policy(kind, unwritten));
    const target = await other.sandbox('test');
    const { id } = await target.snapshot();
    await expect(target.restore(id)).rejects.toMatchObject({ code: 'denied' });
    await expect(other.sandbox('again', { snapshot: id })).rejects.toMatchObject({ code: 'denied' });
    expect(await sandboxesOf(other)).toBe(1);
    expect(readdirSync(join(rig.blobFolder, 'incoming'))).toEqual([]);
  });

  test('takes no archive with a hostile entry, and the entry is named', async () => {
    await using session = await rig.open(policy(kind));
    const sandbox = await session.sandbox('test');
    for (const [name, entry] of [
      ['../escaped', { name: '../escaped' }],
      ['/tmp/absolute', { name: '/tmp/absolute' }],
      ['hard', { name: 'hard', type: 'link', linkname: 'passwd' }],
      ['device', { name: 'device', type: 'character-device' }],
    ] as const) {
      const archive = pack();
      archive.entry({ name: 'fine' }, 'fine');
      archive.entry(entry, '');
      archive.finalize();
      const { hash } = await rig.blobs.putStream(archive as unknown as AsyncIterable<Uint8Array>);
      await expect(sandbox.restore(hash)).rejects.toMatchObject({ code: 'archive_hostile', details: { entry: name }, message: expect.stringContaining(name) as string });
    }
    expect(await succeed(sandbox, 'ls /tmp /workspace')).not.toMatch(/escaped|absolute|hard|device/);
  });

  test('takes no snapshot that was altered on disk, and none that is not there', async () => {
    await using session = await rig.open(policy(kind));
    const sandbox = await session.sandbox('test');
    await succeed(sandbox, 'head -c 3000000 /dev/urandom > /workspace/f');
    const { id } = await sandbox.snapshot();
    const file = join(rig.blobFolder, id.slice(7, 9), id.slice(9));
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(1_500_000) ^ 1, 1_500_000);
    writeFileSync(file, bytes);
    await expect(sandbox.restore(id)).rejects.toMatchObject({ code: 'journal_tampered' });
    await expect(sandbox.restore(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('leaves nothing of a snapshot that is cut short', async () => {
    await using session = await rig.open(policy(kind));
    const sandbox = await session.sandbox('test');
    await succeed(sandbox, 'head -c 100000000 /dev/urandom > /workspace/f');
    const controller = new AbortController();
    const taking = sandbox.snapshot({ signal: controller.signal });
    await expect.poll(() => readdirSync(rig.blobFolder, { recursive: true }).length, { interval: 1 }).toBeGreaterThan(1);
    controller.abort();
    await expect(taking).rejects.toMatchObject({ code: 'cancelled' });
    expect(readdirSync(rig.blobFolder, { recursive: true })).toEqual(['incoming']);
  });
});

test('a large workspace goes through without being held in memory', async () => {
  await using session = await rig.open(policy('container'));
  const source = await session.sandbox('source');
  await succeed(source, 'head -c 250000000 /dev/urandom > /workspace/large');
  const before = process.memoryUsage.rss();
  let most = 0;
  const watching = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10);
  const snapshot = await source.snapshot();
  const target = await session.sandbox('target', { snapshot: snapshot.id });
  clearInterval(watching);
  expect(snapshot.bytes).toBeGreaterThan(250_000_000);
  expect(most - before).toBeLessThan(120_000_000);
  expect(await succeed(target, 'sha256sum < /workspace/large')).toBe(await succeed(source, 'sha256sum < /workspace/large'));
});

async function succeed(sandbox: GovernedSandbox, line: string): Promise<string> {
  const command = await sandbox.exec({ argv: ['/bin/sh', '-c', line] });
  let text = '';
  for await (const { bytes } of command.output) text += bytes.toString();
  expect(await command.end, text).toMatchObject({ cause: 'exited', exitCode: 0 });
  return text;
}

async function sandboxesOf(session: Session): Promise<number> {
  const events = await rig.events(session);
  return events.filter(({ type }) => type === 'sandbox.created').length - events.filter(({ type }) => type === 'sandbox.gone').length;
}
