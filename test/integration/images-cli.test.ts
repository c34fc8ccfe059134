import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { User } from '../e2e/glovebox.ts';
import { findEngine } from '../../src/sandbox/images/index.ts';

const user = new User();
const dockerfile = join(user.folder, 'app/Dockerfile');
beforeAll(() => {
  mkdirSync(join(user.folder, 'app'));
  writeFileSync(dockerfile, 'FROM glovebox/node:latest\nUSER root\nRUN echo mine > /mine\nENV WHO=me\n');
});
afterAll(async () => {
  for (const { reference } of await builtHere()) await user.run('images', 'remove', reference);
  expect(await builtHere()).toEqual([]);
  user[Symbol.dispose]();
});

async function builtHere(): Promise<{ reference: string; source: string; sizeBytes: number }[]> {
  const { built } = JSON.parse((await user.run('images', 'list', '--json')).stdout) as { built: { reference: string; source: string; sizeBytes: number }[] };
  return built.filter(({ source }) => source.startsWith(user.folder));
}

function policy(sandbox: string): string {
  const path = join(user.folder, 'policy.yaml');
  writeFileSync(path, `name: test\nsandbox: ${sandbox}\ntools: { allow: [shell, submit] }\nexport: {}\n`);
  return path;
}

/** What a run's or a session's stream says. */
async function events(run: string): Promise<{ type: string; data: Record<string, unknown> }[]> {
  return (JSON.parse((await user.run('runs', 'show', run, '--json')).stdout) as { events: { type: string; data: Record<string, unknown> }[] }).events;
}

describe('glovebox exec --image', () => {
  test('is not built where policy refuses it', async () => {
    const ended = await user.run('exec', '--policy', policy('{ image: node, kinds: [container] }'), '--image', dockerfile, '--', 'cat', '/mine');
    expect(ended.code).toBe(126);
    expect(ended.stderr).toContain(`build:${dockerfile} fits none of the list`);
    expect(ended.stderr).not.toContain('Step ');
    expect(await builtHere()).toEqual([]);
  });

  test('builds a Dockerfile that policy lets it, with progress on stderr, and runs in it', async () => {
    const allowing = policy(`{ image: node, images: [node, "build:${user.folder}/*"], kinds: [container] }`);
    const ended = await user.run('exec', '--policy', allowing, '--image', dockerfile, '--', 'sh', '-c', 'cat /mine; echo $WHO; node --version');
    expect(ended.stdout).toMatch(/^mine\nme\nv24/);
    expect(ended.stderr).toContain('Step 1/');
    expect(ended.code).toBe(0);
    const again = await user.run('exec', '--image', dockerfile, '--', 'cat', '/mine');
    expect(again).toMatchObject({ code: 0, stdout: 'mine\n', stderr: '' });
    expect(await builtHere()).toMatchObject([{ source: dockerfile, sizeBytes: expect.any(Number) as number }]);
  });

  test('takes a devcontainer.json, with its environment, and says what has no effect', async () => {
    const file = join(user.folder, 'app/devcontainer.json');
    writeFileSync(file, '{\n  // one of ours\n  "name": "x",\n  "image": "debian:bookworm-slim",\n  "remoteEnv": { "WHO": "dev" },\n}\n');
    const ended = await user.run('exec', '--image', file, '--', 'sh', '-c', 'echo $WHO');
    expect(ended).toMatchObject({ code: 0, stdout: 'dev\n' });
    expect(ended.stderr).toContain('name has no effect: is for editors');
  });

  test('gives 2 for a devcontainer.json with mistakes, with file, line and column', async () => {
    const file = join(user.folder, 'devcontainer.json');
    writeFileSync(file, '{\n  "image": "debian:bookworm-slim",\n  "privileged": true\n}\n');
    const ended = await user.run('exec', '--image', file, '--', 'true');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`${file}:3:3: privileged: cannot be honoured`);
  });

  test('gives 125 with the last lines of a build that fails', async () => {
    const failing = join(user.folder, 'failing.Dockerfile');
    writeFileSync(failing, 'FROM debian:bookworm-slim\nRUN echo before; exit 9\n');
    const ended = await user.run('exec', '--image', failing, '--', 'true');
    expect(ended.code).toBe(125);
    expect(ended.stderr).toMatch(/returned a non-zero code: 9[^]*\| before/);
  });

  test('refuses to build for a process sandbox, which has no image', async () => {
    const ended = await user.run('exec', '--kind', 'process', '--image', dockerfile, '--', 'true');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('process sandboxes');
  });

  test('gives 2 for a path that is not there', async () => {
    expect((await user.run('exec', '--image', './nowhere', '--', 'true')).code).toBe(2);
  });
});

test('glovebox fix works in an image of the user, and its journal pins it', async () => {
  const ended = await user.run('fix', '--repo', user.checkout(), '--task', 'make the tests pass', '--model', user.transcript(), '--image', dockerfile, '--json');
  expect(ended.code).toBe(0);
  const { run, outcome } = JSON.parse(ended.stdout) as { run: string; outcome: string };
  expect(outcome).toBe('fixed');
  const seen = await events(run);
  const { options } = (seen.find(({ type }) => type === 'run.created')?.data ?? {}) as { options: { image: string; imageReference: string } };
  expect(options).toMatchObject({ image: `build:${dockerfile}`, imageReference: expect.stringMatching(/^sha256:/) as string });
  const images = seen.filter(({ type }) => type === 'sandbox.created').map(({ data }) => data['image']);
  expect(new Set(images)).toEqual(new Set([options.imageReference]));
  const asked = seen.filter(({ type }) => type === 'decision').map(({ data }) => data['request'] as { action: string; image?: string });
  expect(asked.find(({ action }) => action === 'session.open')?.image).toBe(`build:${dockerfile}`);
});

test('glovebox images build prints the reference of what it built, and list shows it', async () => {
  const ended = await user.run('images', 'build', dockerfile, 'base');
  const [built, base] = ended.stdout.trim().split('\n');
  expect(built).toMatch(/^glovebox\/build:[0-9a-f]{32}$/);
  expect(base).toMatch(/^glovebox\/base:/);
  const listed = (await user.run('images', 'list')).stdout;
  expect(listed).toContain(dockerfile);
  expect(listed).toMatch(/polyglot +\S/);
  const search = await findEngine();
  if (search.state !== 'found') throw new Error('the engine went away');
  expect((await search.docker.getImage(built ?? '').inspect()).Config.Labels).toMatchObject({ 'io.glovebox.image': 'build' });
  expect((await user.run('images', 'remove', 'debian:bookworm-slim')).code).toBe(2);
});
