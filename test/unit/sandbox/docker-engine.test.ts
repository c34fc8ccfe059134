import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, afterEach, expect, test } from 'vitest';
import { createOptions, randomUid } from '../../../src/sandbox/docker/create-options.ts';
import { Engine, type EngineTiming } from '../../../src/sandbox/docker/engine.ts';
import { specOf } from '../../support/sandbox-commands.ts';

const folder = mkdtempSync(join(tmpdir(), 'glovebox-engine-'));
let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function engineThat(answer: RequestListener): Promise<Engine> {
  const socketPath = join(folder, `${Math.random().toString(36).slice(2)}.sock`);
  server = createServer(answer).listen(socketPath);
  await once(server, 'listening');
  return engineAt(socketPath);
}

function engineAt(socketPath: string, timing?: Partial<EngineTiming>): Engine {
  return new Engine(async () => ({ state: 'found', docker: new Docker({ socketPath }), endpoint: socketPath }), timing);
}

test('an engine that is not there is unavailable, and the message says what to do', async () => {
  await expect(engineAt(join(folder, 'nowhere.sock')).containers([])).rejects.toMatchObject({ code: 'engine_unavailable', message: expect.stringContaining('glovebox doctor') as string });
});

test('an engine that hangs up in the middle is unavailable too', async () => {
  const engine = await engineThat((request) => request.socket.destroy());
  await expect(engine.info()).rejects.toMatchObject({ code: 'engine_unavailable' });
});

test('what it refuses is told in its own words, and what it does not have is undefined', async () => {
  const engine = await engineThat((request, response) => {
    response.statusCode = request.url?.includes('missing') === true ? 404 : 500;
    response.setHeader('content-type', 'application/json').end('{"message":"the disk is full"}');
  });
  await expect(engine.start('x')).rejects.toMatchObject({ code: 'engine_failed', message: expect.stringContaining('the disk is full') as string, details: { status: 500 } });
  expect(await engine.image('missing')).toBeUndefined();
  await engine.remove('missing');
});

test('an engine that hangs is not asked any more for a while, and is used again once it answers', async () => {
  let hangs = true;
  const asked: (string | undefined)[] = [];
  await engineThat((request, response) => {
    if (hangs) return;
    asked.push(request.url);
    response.setHeader('content-type', 'application/json').end('[]');
  });
  const socketPath = server?.address();
  if (typeof socketPath !== 'string') throw new Error('it listens at no path');
  const [engine, recovering] = [engineAt(socketPath, { quickMs: 100, restMs: 600_000 }), engineAt(socketPath, { quickMs: 100, restMs: 1 })];
  for (let i = 0; i < 4; i++) for (const each of [engine, recovering]) await expect(each.containers([])).rejects.toMatchObject({ code: 'engine_failed', message: expect.stringContaining('did not list containers within') });
  hangs = false;
  await expect(engine.containers([])).rejects.toMatchObject({ code: 'engine_unavailable', message: expect.stringContaining('did not answer 4 times in a row'), details: { retryAfterSeconds: 600 } });
  expect(asked).toEqual([]);
  await expect.poll(() => recovering.containers([]).catch(() => undefined), { timeout: 10_000 }).toEqual([]);
});

test('a wall clock that is set back does not make the rest of an engine that hung longer', async () => {
  let hangs = true;
  await engineThat((_, response) => {
    if (!hangs) response.setHeader('content-type', 'application/json').end('[]');
  });
  const socketPath = server?.address();
  if (typeof socketPath !== 'string') throw new Error('it listens at no path');
  const engine = engineAt(socketPath, { quickMs: 100, restMs: 50 });
  for (let i = 0; i < 4; i++) await expect(engine.containers([])).rejects.toMatchObject({ code: 'engine_failed' });
  hangs = false;
  const real = Date.now;
  try {
    Date.now = () => real() - 3_600_000;
    await expect.poll(() => engine.containers([]).catch((error: unknown) => error), { timeout: 5_000 }).toEqual([]);
  } finally {
    Date.now = real;
  }
});

test('callers who give up do not make an engine dead', async () => {
  const engine = await engineThat((request, response) => {
    if (request.url?.includes('wait') !== true) response.setHeader('content-type', 'application/json').end('[]');
  });
  for (let i = 0; i < 6; i++) await expect(engine.removed('x', AbortSignal.timeout(1))).rejects.toMatchObject({ code: 'cancelled' });
  expect(await engine.containers([])).toEqual([]);
});

test('an engine that does not answer can be given up on', async () => {
  const engine = await engineThat(() => undefined);
  const controller = new AbortController();
  const asking = engine.image('x', controller.signal);
  controller.abort();
  await expect(asking).rejects.toMatchObject({ code: 'cancelled' });
});

test('a container gets a uid of its own, within what the engine can map', () => {
  const info = { ID: '', Name: 'host', KernelVersion: '6.1', ServerVersion: '1', Architecture: 'x86_64', Runtimes: {}, MemoryLimit: true, PidsLimit: true, CpuCfsQuota: true };
  const uids = Array.from({ length: 200 }, () => randomUid({ ...info, SecurityOptions: ['name=seccomp'] }));
  expect(new Set(uids).size).toBe(200);
  expect(Math.min(...uids)).toBeGreaterThanOrEqual(100_000);
  for (let i = 0; i < 200; i++) expect(randomUid({ ...info, SecurityOptions: ['name=rootless'] })).toBeLessThan(65_536);
});

test('an image cannot ask for a volume, and gVisor has room for its own threads', () => {
  const plan = { image: { id: 'sha256:0', env: {}, volumes: ['/data'] }, uid: 100_000, limits: specOf().limits, labels: {}, initVolume: 'v' };
  const container = createOptions({ ...plan, kind: 'container' });
  expect(container.HostConfig?.Tmpfs).toMatchObject({ '/data': expect.stringMatching(/^ro,.*size=64k/) as string, '/workspace': expect.stringContaining(`size=${64 * 2 ** 20},nr_inodes=5000,mode=0700,uid=100000`) as string });
  for (const path of ['/tmp', '/home/sandbox', '/dev/shm']) expect(container.HostConfig?.Tmpfs?.[path], path).toContain('nr_inodes=2500,');
  expect(container.HostConfig?.Tmpfs?.['/dev/shm']).toContain(`size=${16 * 2 ** 20},`);
  expect(container.HostConfig?.PidsLimit).toBe(64);
  expect(createOptions({ ...plan, kind: 'gvisor' }).HostConfig).toMatchObject({ Runtime: 'runsc', PidsLimit: 512 });
});

afterAll(() => rmSync(folder, { recursive: true }));
