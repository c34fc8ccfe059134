import { PassThrough } from 'node:stream';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { ImageChoice, Services } from '../../../src/cli/services.ts';
import { sessionImage } from '../../../src/cli/session-image.ts';
import { Terminal } from '../../../src/cli/terminal.ts';
import { GloveboxError, type Policy, type SandboxKind } from '../../../src/contracts/index.ts';
import { FilePolicies } from '../../../src/policy/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'glovebox-session-image-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();

async function policyOf(sandbox: string): Promise<Policy> {
  const path = join(folder, 'policy.yaml');
  writeFileSync(path, `name: test\nsandbox: ${sandbox}\n`);
  return await new FilePolicies([]).load(path);
}

/** One choice, whatever is asked for; `prepared` counts. */
function world(choice: Partial<ImageChoice>, failure?: GloveboxError) {
  const seen = { prepared: 0, asked: [] as string[], said: '' };
  const stderr = new PassThrough().on('data', (chunk) => (seen.said += String(chunk)));
  const terminal = new Terminal({ stdin: process.stdin, stdout: process.stdout, stderr: stderr as unknown as NodeJS.WriteStream });
  const prepare: ImageChoice['prepare'] = async () => {
    seen.prepared += 1;
    if (failure !== undefined) throw failure;
    return { id: 'sha256:1', env: { A: '1' } };
  };
  const choose = async (text: string): Promise<ImageChoice> => {
    seen.asked.push(text);
    return { name: text, isBuilt: false, notes: [], prepare, ...choice };
  };
  const services = { images: { choose, chooseName: choose } } as unknown as Services; // what is asked of them here
  const ask = (asked: string | undefined, policy: Policy, kinds: readonly SandboxKind[] = policy.grant.kinds) => sessionImage(services, terminal, { asked, policy, kinds }, signal);
  return { seen, ask };
}

const built = { name: 'build:/srv/app/Dockerfile', isBuilt: true };

test('policy sees the name, and the session starts what it was found to be', async () => {
  const { ask } = world(built);
  const policy = await policyOf('{ image: base, images: [base, "build:/srv/*"] }');
  expect(await ask('./Dockerfile', policy)).toEqual({ image: 'build:/srv/app/Dockerfile', imageReference: 'sha256:1', env: { A: '1' } });
});

test.each(['{ image: base }', '{ image: base, images: [base, "build:/opt/*"] }', '{ image: base, images: ["debian:*", base] }'])('nothing is built for a session that policy refuses: %s', async (sandbox) => {
  const { ask, seen } = world(built);
  expect(await ask('./Dockerfile', await policyOf(sandbox))).toEqual({ image: 'build:/srv/app/Dockerfile' });
  expect(seen.prepared).toBe(0);
});

test("without --image it is the policy's own, by its name", async () => {
  const { ask, seen } = world({});
  expect(await ask(undefined, await policyOf('{ image: "registry.test/x:1" }'))).toMatchObject({ image: 'registry.test/x:1', imageReference: 'sha256:1' });
  expect(seen.asked).toEqual(['registry.test/x:1']);
});

test('what has no effect is said', async () => {
  const { ask, seen } = world({ notes: ['name has no effect: is for editors'] });
  await ask('node', await policyOf('{ image: node }'));
  expect(seen.said).toContain('name has no effect');
});

test('a process sandbox has no image: a name is said to be without effect, a build is refused', async () => {
  const policy = await policyOf('{ image: base, images: ["*"], kinds: [process] }');
  const named = world({});
  expect(await named.ask('node', policy)).toEqual({ image: 'node' });
  expect(named.seen).toMatchObject({ prepared: 0, said: expect.stringContaining("this machine's programs") as string });
  await expect(world(built).ask('./Dockerfile', policy)).rejects.toMatchObject({ code: 'usage' });
});

test('without an engine a name will do where processes are accepted, and a build will not', async () => {
  const none = new GloveboxError('engine_unavailable', 'no engine');
  const policy = await policyOf('{ image: base, images: ["*"], kinds: [container, process] }');
  expect(await world({}, none).ask('node', policy)).toEqual({ image: 'node' });
  await expect(world(built, none).ask('./Dockerfile', policy)).rejects.toBe(none);
  await expect(world({}, none).ask('node', policy, ['container'])).rejects.toBe(none);
});

test('an image that is missing is an error, not another image', async () => {
  const missing = new GloveboxError('image_missing', 'no such image');
  const policy = await policyOf('{ image: base, images: ["*"], kinds: [container, process] }');
  await expect(world({}, missing).ask('x', policy)).rejects.toBe(missing);
});
