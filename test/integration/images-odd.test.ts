import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/contracts/index.ts';
import { containerName } from '../../src/sandbox/docker/labels.ts';
import { run, shell, specOf } from '../support/sandbox-commands.ts';
import { ImagesRig } from './images.rig.ts';

const DEBIAN = 'FROM debian:bookworm-slim\n';
let rig: ImagesRig;
beforeAll(async () => {
  rig = new ImagesRig();
  await rig.prepare('polyglot'); // its compiler makes the programs of images that have nothing else
});
afterAll(async () => {
  expect(await rig.world.remains()).toEqual([]);
  await rig[Symbol.asyncDispose]();
});

async function open(name: string, dockerfile: string, files: Readonly<Record<string, string>> = {}): Promise<Sandbox> {
  return rig.world.driver.create(specOf({ image: await rig.build(name, dockerfile, files) }));
}

/** An image with nothing but a program: it prints its arguments, and writes a file where it may. */
async function openStatic(more = ''): Promise<Sandbox> {
  const source = '#include <stdio.h>\nint main(int c, char **v) { FILE *f = fopen("/tmp/f", "w"); printf("%d %s %s\\n", c, v[c - 1], f ? "wrote" : "could not write"); return 42; }\n';
  return open('static', `FROM glovebox/polyglot:latest AS build\nCOPY --chown=1000 a.c /tmp/a.c\nRUN gcc -static -O1 -o /tmp/a /tmp/a.c\nFROM scratch\nCOPY --from=build /tmp/a /a\n${more}`, { 'a.c': source });
}

/** One ENV of so many variables, each of so many bytes. */
function environment(count: number, length: number): string {
  return `ENV ${Array.from({ length: count }, (_, i) => `V${i}=${'x'.repeat(length)}`).join(' \\\n  ')}\n`;
}

/** Volumes that the engine made for a sandbox by itself. */
async function strayVolumes(sandbox: Sandbox): Promise<unknown[]> {
  const container = await rig.world.engine.container(containerName(sandbox.id));
  return (container?.Mounts ?? []).filter(({ Type, Destination }) => Type === 'volume' && Destination !== '/.glovebox');
}

describe('a sandbox works unchanged from an image', () => {
  test('with ENTRYPOINT, CMD, HEALTHCHECK, USER, WORKDIR and STOPSIGNAL of its own', async () => {
    await using sandbox = await open('declared', `${DEBIAN}ENTRYPOINT ["/bin/false"]\nCMD ["x"]\nHEALTHCHECK --interval=1s CMD touch /tmp/checked\nUSER root\nWORKDIR /srv\nSTOPSIGNAL SIGUSR1\nEXPOSE 80\nSHELL ["/bin/bash", "-c"]\n`);
    expect((await shell(sandbox, 'pwd; id -u; echo $HOME; ls -d /srv; ls /tmp')).stdout).toMatch(/^\/workspace\n[1-9]\d{4,}\n\/home\/sandbox\n\/srv\n$/);
    const container = await rig.world.engine.container(containerName(sandbox.id));
    expect(container?.State.Health).toBeUndefined();
    expect(container?.Config.User).toMatch(/^\d+:\d+$/);
  });

  test('with volumes, of which none is made, and none can be written without limit', async () => {
    const volumes = ['/data', '/slashed/', '/a/../dotted', '/workspace', '/tmp/inner', '/home/sandbox/.cache', '/.glovebox'];
    await using sandbox = await open('volumes', `${DEBIAN}RUN mkdir /data && echo kept > /data/file\nVOLUME ${JSON.stringify(volumes)}\n`);
    expect(await strayVolumes(sandbox)).toEqual([]);
    expect((await shell(sandbox, 'ls -A /data /slashed /dotted; touch /data/x /slashed/x /dotted/x')).end.exitCode).not.toBe(0);
    const full = await shell(sandbox, 'for d in /workspace /tmp/inner /home/sandbox/.cache; do touch $d/x && df --output=size -B1 $d | tail -1; done');
    const sizes = full.stdout.trim().split('\n').map(Number);
    expect(sizes).toHaveLength(3);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64 * 2 ** 20);
    expect(full.end.exitCode).toBe(0);
  });

  test('with a volume on a link', async () => {
    await using sandbox = await open('linked', `${DEBIAN}RUN mkdir /real && ln -s /real /link\nVOLUME /link\n`);
    expect(await strayVolumes(sandbox)).toEqual([]);
    expect((await shell(sandbox, 'touch /real/x || touch /link/x')).end.exitCode).not.toBe(0);
  });

  test('with nothing in it but a static program', async () => {
    await using sandbox = await openStatic();
    expect(await run(sandbox, ['/a', 'one'])).toMatchObject({ stdout: '2 one wrote\n', end: { cause: 'exited', exitCode: 42, tree: 'dead' } });
    expect(await run(sandbox, ['sh'])).toMatchObject({ end: { cause: 'not_started', startError: 'ENOENT' } });
    await sandbox.files.write('/workspace/f', Buffer.from('f'));
    expect((await sandbox.files.list('/workspace')).map(({ path }) => path)).toEqual(['f']);
  });

  test('with nothing at all, for its files', async () => {
    await using sandbox = await open('nothing', 'FROM scratch\nLABEL a=b\n');
    await sandbox.files.write('/workspace/f', Buffer.from('f'));
    expect((await sandbox.files.read('/workspace/f')).toString()).toBe('f');
  });

  test('without /tmp, /home and /var, or with links in their place', async () => {
    await using sandbox = await open('missing', `${DEBIAN}RUN rm -rf /tmp /home /var && mkdir /elsewhere && ln -s /elsewhere /home\n`);
    expect((await shell(sandbox, 'set -e; echo t > /tmp/t; echo h > ~/h; echo w > w; cat /tmp/t ~/h w')).stdout).toBe('t\nh\nw\n');
  });

  test('with a workspace that has content, which is not the sandbox\'s', async () => {
    await using sandbox = await open('occupied', `${DEBIAN}RUN mkdir -p /workspace/old && echo x > /workspace/file && chmod 700 /workspace\n`);
    expect((await shell(sandbox, 'ls -A; touch mine; ls')).stdout).toBe('mine\n');
  });

  test('with a large environment, odd values in it, and a PATH of its own', async () => {
    await using sandbox = await open('large-env', `${DEBIAN}${environment(1000, 100)}ENV EQUALS="a=b=c" EMPTY="" SPACED=" x  y " QUOTED='"$HOME"' PATH=/opt/own:/usr/bin:/bin\n`);
    expect((await shell(sandbox, 'echo "$V999" | wc -c; echo "[$EQUALS] [$EMPTY] [$SPACED] [$QUOTED]"; echo $PATH')).stdout).toBe('101\n[a=b=c] [] [ x  y ] ["$HOME"]\n/opt/own:/usr/bin:/bin\n');
  });

  test('with an environment that no command can carry, for its files: commands say why they do not start', async () => {
    await using sandbox = await open('huge-env', `${DEBIAN}${environment(40, 10_000)}`);
    expect((await run(sandbox, ['/bin/true'])).end).toMatchObject({ cause: 'not_started', startError: 'E2BIG' });
    await sandbox.files.write('/workspace/f', Buffer.from('f'));
  });

  test('that set something for those who build on it, and from what is built on that', async () => {
    const parent = await rig.build('parent', `${DEBIAN}ONBUILD RUN echo ran > /onbuild\nONBUILD VOLUME /made\n`);
    await using first = await rig.world.driver.create(specOf({ image: parent }));
    expect((await run(first, ['test', '-e', '/onbuild'])).end.exitCode).toBe(1);
    await using second = await open('child', `FROM ${parent}\n`);
    expect((await run(second, ['cat', '/onbuild'])).stdout).toBe('ran\n');
    expect(await strayVolumes(second)).toEqual([]);
  });

  test('whose files belong to others and may be written by all: the root stays read-only', async () => {
    await using sandbox = await open('writable', `${DEBIAN}RUN mkdir /open && chmod 1777 /open && echo x > /etc/world && chmod 666 /etc/world && cp /bin/cat /open/cat && chmod 4755 /open/cat\n`);
    const { stdout, stderr } = await shell(sandbox, 'touch /open/x; echo y > /etc/world; /open/cat /etc/shadow; id -u');
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(stderr).toContain('Permission denied');
    expect(stdout).toMatch(/^[1-9]\d{4,}\n$/);
  });
});

describe('a sandbox is refused from an image', () => {
  test('that declares a place which cannot be mounted, and nothing is left', async () => {
    const id = await rig.build('file-there', `${DEBIAN}RUN rm -rf /workspace && echo x > /workspace\n`);
    await expect(rig.world.driver.create(specOf({ image: id }))).rejects.toMatchObject({ code: 'sandbox_start_failed', message: expect.stringContaining('/workspace') as string });
    expect(await rig.world.remains()).toEqual([]);
  });

  test('of another architecture, unless its programs run all the same', async () => {
    const header = readFileSync(process.execPath).subarray(0, 4096);
    header.writeUInt16LE(243, 18); // e_machine: RISC-V
    rig.write({ 'foreign/sh': '' });
    const shellOf = await rig.build('foreign', 'FROM scratch\nCOPY sh /bin/sh\n', {});
    const other = await relabel(shellOf, 'riscv64', header);
    await expect(rig.world.driver.create(specOf({ image: other }))).rejects.toMatchObject({ code: 'image_unusable', message: expect.stringContaining('is for riscv64') as string });
    expect(await rig.world.remains()).toEqual([]);

    await using first = await openStatic('COPY --from=build /tmp/a /bin/sh\n');
    const emulated = await relabel(first.image, 'riscv64');
    await using second = await rig.world.driver.create(specOf({ image: emulated }));
    expect((await run(second, ['/a'])).end.exitCode).toBe(42);
  });
});

/** The image again, said to be of another architecture, with other contents of its /bin/sh where they are given. */
async function relabel(id: string, architecture: string, shellBytes?: Buffer): Promise<string> {
  const docker = await rig.docker();
  const files = await unpacked((await docker.getImage(id).get()) as AsyncIterable<Buffer>);
  const [manifest] = JSON.parse(String(files.get('manifest.json'))) as { Config: string; Layers: string[]; RepoTags: string[] }[];
  if (manifest === undefined) throw new Error('the engine saved no image');
  const config = JSON.parse(String(files.get(manifest.Config))) as { architecture: string; rootfs: { diff_ids: string[] } };
  config.architecture = architecture;
  manifest.RepoTags = [`glovebox/build:test-${architecture}-${shellBytes === undefined ? 'works' : 'foreign'}`];
  if (shellBytes !== undefined) {
    const layer = await packed(new Map([['bin/sh', shellBytes]]), 0o755);
    files.set(manifest.Layers[0] ?? '', layer);
    config.rootfs.diff_ids = [`sha256:${createHash('sha256').update(layer).digest('hex')}`];
  }
  files.set(manifest.Config, Buffer.from(JSON.stringify(config)));
  files.set('manifest.json', Buffer.from(JSON.stringify([manifest])));
  files.delete('repositories');
  await buffer(await docker.loadImage(Readable.from([await packed(files, 0o644)])));
  rig.forget(manifest.RepoTags[0] ?? '');
  return (await docker.getImage(manifest.RepoTags[0] ?? '').inspect()).Id;
}

async function unpacked(tar: AsyncIterable<Buffer>): Promise<Map<string, Buffer>> {
  const reading = extract();
  reading.end(await buffer(tar));
  const files = new Map<string, Buffer>();
  for await (const entry of reading) files.set(entry.header.name, await buffer(entry));
  return files;
}

async function packed(files: ReadonlyMap<string, Buffer>, mode: number): Promise<Buffer> {
  const tar = pack();
  for (const [name, bytes] of files) if (!name.endsWith('/')) tar.entry({ name, mode }, bytes);
  tar.finalize();
  return buffer(tar);
}
