import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { EgressRig } from '../../support/egress.ts';

const KEPT = { 'cache-control': 'public, max-age=3600' };

/** A registry on this machine that answers as it is told to, sessions that read from it, and what they keep. */
class CachingWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'glovebox-cache-'));
  readonly asked: string[] = [];
  readonly body = randomBytes(200_000);
  headers: OutgoingHttpHeaders = KEPT;
  status = 200;
  breaksOff = false;
  url = '';
  readonly #upstream = new EgressRig();

  constructor() {
    onTestFinished(async () => {
      await this.#upstream[Symbol.asyncDispose]();
      rmSync(this.folder, { recursive: true });
    });
  }

  async open(): Promise<this> {
    const port = await this.#upstream.https((request, response) => {
      this.asked.push(request.url ?? '');
      response.writeHead(this.status, { ...this.headers, 'content-length': this.body.length });
      if (!this.breaksOff) response.end(this.body);
      else response.write(this.body.subarray(0, 1_000), () => setImmediate(() => response.destroy()));
    });
    this.url = `https://up.test:${port}/npm/`;
    return this;
  }

  /** What is asked of a session of its own, one after the other; what it keeps is on the disk then. */
  async session(act: (rig: EgressRig) => Promise<void>, { tenant = 'acme', cache = 'registry_cache: 8MiB', token = '' } = {}): Promise<EgressRig> {
    await using rig = new EgressRig();
    const npmrc = join(this.folder, 'npmrc');
    writeFileSync(npmrc, `registry=${this.url}\n${token === '' ? '' : `${this.url.slice('https:'.length)}:_authToken=${token}\n`}`);
    rig.operator['npm_config_userconfig'] = npmrc;
    rig.names.set('up.test', [['127.0.0.1']]);
    await rig.open(`network: [{ registries: [npm] }]\n${cache}\n`, { tenant, cacheFolder: join(this.folder, 'cache') });
    await act(rig);
    return rig;
  }

  async get(name: string, options: Parameters<CachingWorld['session']>[1] & { readonly headers?: Record<string, string> } = {}): Promise<{ readonly status: number; readonly age: string | undefined; readonly rig: EgressRig }> {
    let answer: { readonly status: number; readonly age: string | undefined } = { status: 0, age: undefined };
    const rig = await this.session(async (open) => {
      const { status, headers, body } = await open.getByName(`${this.url}${name}`, { headers: options.headers ?? {} });
      if (status === 200) expect(hash('sha256', body)).toBe(hash('sha256', this.body.toString('utf8')));
      answer = { status, age: headers.age };
    }, options);
    return { ...answer, rig };
  }

  files(): string[] {
    return readdirSync(join(this.folder, 'cache'), { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
  }
}

test('what may be kept is asked for once, and each answer is decided and written down', async () => {
  const world = await new CachingWorld().open();
  const [first, second] = [await world.get('left-pad'), await world.get('left-pad')];
  expect(world.asked).toEqual(['/npm/left-pad']);
  expect(first.rig.events.at(-1)).toMatchObject({ type: 'egress.ended', data: { status: 200, address: '127.0.0.1' } });
  expect(second).toMatchObject({ status: 200, age: expect.stringMatching(/^\d+$/) });
  expect(second.rig.decisions()).toMatchObject([{ allowed: true, request: { path: '/npm/left-pad' } }, { allowed: true, request: { private: true } }]);
  const ended = await second.rig.ended();
  expect(ended).toMatchObject({ status: 200, cached: true, receivedBytes: world.body.length });
  expect(ended).not.toHaveProperty('address');
});

test.each<[string, Parameters<CachingWorld['get']>[1]]>([
  ['to another tenant', { tenant: 'other' }],
  ['where policy does not say so', { cache: '' }],
  ['to who asks with a header of his own', { headers: { 'x-forwarded-host': 'evil.test' } }],
  ['to who shows something', { headers: { cookie: 'a=1' } }],
  ['to who wants a part', { headers: { range: 'bytes=0-3' } }],
])('nothing of it is given %s, and what he gets is not kept either', async (_, options) => {
  const world = await new CachingWorld().open();
  await world.get('left-pad');
  await world.get('left-pad', options);
  expect(world.asked).toHaveLength(2);
  if (options?.tenant === undefined) await world.get('right-pad', options);
  expect(world.files()).toHaveLength(options?.tenant === undefined ? 1 : 2);
});

test('who wants it anew gets it so, and what he gets is what others get then', async () => {
  const world = await new CachingWorld().open();
  await world.get('left-pad');
  world.body.fill(0x61);
  await world.get('left-pad', { headers: { 'cache-control': 'no-cache' } });
  await world.get('left-pad');
  expect(world.asked).toHaveLength(2);
});

test.each<[string, OutgoingHttpHeaders, number]>([
  ['says nothing of its life', {}, 200],
  ['says nothing but how old it is', { 'last-modified': new Date(0).toUTCString() }, 200],
  ['is for one alone', { 'cache-control': 'private, max-age=3600' }, 200],
  ['is not to be kept', { 'cache-control': 'no-store' }, 200],
  ['is over already', { ...KEPT, age: '4000' }, 200],
  ['sets a cookie', { ...KEPT, 'set-cookie': 'a=1' }, 200],
  ['is no answer', KEPT, 404],
  ['is another each time', { ...KEPT, vary: '*' }, 200],
])('what %s is not kept', async (_, headers, status) => {
  const world = Object.assign(await new CachingWorld().open(), { headers, status });
  await world.get('left-pad');
  await world.get('left-pad');
  expect([world.asked.length, world.files()]).toEqual([2, []]);
});

test('an answer is for who asked in the same words, where it says so', async () => {
  const world = Object.assign(await new CachingWorld().open(), { headers: { ...KEPT, vary: 'accept' } });
  for (const accept of ['application/json', 'application/json', 'text/html']) await world.get('left-pad', { headers: { accept } });
  expect(world.asked).toHaveLength(2);
});

test('what a credential opened is never kept, nor what is asked where one was', async () => {
  const world = await new CachingWorld().open();
  const token = 'npm_abcdefghijklmnopqrstuvwxyz0123456789';
  await world.session(async (rig) => {
    const placeholder = rig.egress.provisions('/f').env['GLOVEBOX_REGISTRY_NPM'] ?? '';
    await rig.getByName(`${world.url}left-pad`, { headers: { authorization: `Bearer ${placeholder}` } });
    await rig.getByName(`${world.url}right-pad`);
    expect(await rig.ended()).toMatchObject({ credentials: ['registry:npm'] });
  }, { token });
  expect([world.asked.length, world.files()]).toEqual([2, []]);
});

test('an answer that breaks off is not kept, and nothing is left of it', async () => {
  const world = Object.assign(await new CachingWorld().open(), { breaksOff: true });
  await world.session(async (rig) => void (await rig.getByName(`${world.url}left-pad`).catch(() => {})));
  expect(world.files()).toEqual([]);
  world.breaksOff = false;
  expect(await world.get('left-pad')).toMatchObject({ status: 200 });
  expect(world.asked).toHaveLength(2);
});

test('it takes no more than policy gives it: what was used longest ago goes', async () => {
  const world = await new CachingWorld().open();
  const cache = 'registry_cache: 1MiB';
  for (const name of ['a', 'b', 'c', 'd']) await world.get(name, { cache });
  await world.get('a', { cache });
  await world.get('e', { cache });
  await world.get('f', { cache });
  expect(world.files().reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThanOrEqual(2 ** 20);
  world.asked.length = 0;
  await world.get('a', { cache });
  await world.get('b', { cache });
  expect(world.asked).toEqual(['/npm/b']);
});

test('a file that is none of ours is asked for anew, and policy comes first', async () => {
  const world = await new CachingWorld().open();
  await world.get('left-pad');
  for (const file of world.files()) writeFileSync(file, 'something else');
  expect(await world.get('left-pad')).toMatchObject({ status: 200 });
  await world.session(async (rig) => {
    expect(await rig.getByName(`${world.url}left-pad`, { method: 'DELETE' })).toMatchObject({ status: 403 });
  });
  expect(world.asked).toHaveLength(2);
});
