import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Caller, eventsOf } from '../support/server.ts';
import { type Started, User } from './glovebox.ts';

/** A service as an operator would start it. */
async function serving(user: User, ...more: string[]): Promise<{ readonly service: Started; readonly url: string; readonly key: string }> {
  const service = user.start(['serve', '--port', '0', '--workers', '1', ...more]);
  const said = { out: '', err: '' };
  service.child.stdout?.on('data', (bytes: Buffer) => (said.out += bytes.toString()));
  service.child.stderr?.on('data', (bytes: Buffer) => (said.err += bytes.toString()));
  await service.prints('\n');
  await service.says('/docs)');
  return { service, url: /listening at (http:\S+)/.exec(said.err)?.[1] ?? '', key: said.out.trim() };
}

/** The demo's, whose first step takes a while. */
function slowTranscript(user: User): string {
  const file = join(user.folder, 'slow.yaml');
  writeFileSync(file, readFileSync(user.transcript().slice('transcript:'.length), 'utf8').replace('command: "', 'command: "sleep 3; '));
  return `transcript:${file}`;
}

test('a service that is told to stop answers what was asked for, begins nothing more, parks its runs, and leaves nothing; the next one goes on', async () => {
  using user = new User();
  const run = (await user.run('fix', '--detach', '--repo', user.checkout(), '--task', 'make the tests pass', '--model', slowTranscript(user))).stdout.trim();
  const { service, url, key } = await serving(user);
  const client = new Caller(url, key);
  const sandbox = await client.sandbox();
  await client.command(sandbox, ['sleep', '1000'], { background: true });
  const asked = client.raw('POST', `/v1/sandboxes/${sandbox}/commands`, {
    body: JSON.stringify({ shell: 'touch began; until test -e go; do sleep 0.1; done; echo done' }),
    headers: { 'content-type': 'application/json', 'idempotency-key': 'one' },
  });
  await client.command(sandbox, ['sh', '-c', 'until test -e began; do sleep 0.1; done']);
  const follower = await client.raw('GET', `/v1/runs/${run}/events`);
  for await (const { event } of eventsOf(follower)) if (event === 'command.started') break;

  service.child.kill('SIGTERM');
  await service.says('nothing more is begun');
  expect(await client.call('POST', '/v1/sandboxes', { kind: 'process' })).toMatchObject({ status: 503, body: { code: 'stopping' } });
  expect((await client.call('GET', `/v1/sandboxes/${sandbox}`)).body).toMatchObject({ state: 'running' });
  // What is under way is fed, and comes to its end.
  expect((await client.raw('PUT', `/v1/sandboxes/${sandbox}/files?path=/workspace/go`, { body: '', headers: { 'content-type': 'application/octet-stream' } })).status).toBe(204);
  const answer = await asked;
  expect([answer.status, await answer.json()]).toMatchObject([200, { stdout: 'done\n' }]);
  expect(await service.ended).toMatchObject({ code: 0 });
  expect(await user.containers()).toEqual([]);

  expect(await user.run('worker', '--drain')).toMatchObject({ code: 0 });
  const shown = JSON.parse((await user.run('runs', 'show', run, '--json')).stdout) as { summary: object; events: { type: string }[] };
  expect(shown.summary).toMatchObject({ outcome: 'fixed', steps: 4 });
  expect(shown.events.map(({ type }) => type)).toContain('run.handed_over');
});

test('sandboxes stand ready from the start where they are to, and none is left when the service stops', async () => {
  using user = new User();
  const { service, url, key } = await serving(user, '--ready', 'exec=2');
  await service.says('2 sandboxes stand ready under exec');
  expect(await user.containers()).toHaveLength(2);
  const client = new Caller(url, key);
  expect((await client.call('POST', '/v1/sandboxes', { policy: 'exec' })).status).toBe(201);
  expect(await (await client.raw('GET', '/metrics')).text()).toContain('glovebox_pool_requests_total{outcome="hit"} 1');
  service.child.kill('SIGTERM');
  expect(await service.ended).toMatchObject({ code: 0 });
  expect(await user.containers()).toEqual([]);
  const refused = await user.run('serve', '--port', '0', '--ready', 'nobody=2');
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain('nobody');
  expect(await user.run('serve', '--port', '0', '--ready', 'exec')).toMatchObject({ code: 2, stderr: expect.stringContaining('exec=4') as string });
});
