import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keeperSocket } from '../../src/sandbox/bubblewrap/remains.ts';
import { listProcesses } from '../../src/sandbox/bubblewrap/processes.ts';
import { Caller, eventsOf } from '../support/server.ts';
import { engine, type Started, User } from './glovebox.ts';

/** More than a service keeps in memory, or init for it. */
const MUCH = 100_000;
const COUNTS = `seq 1 ${MUCH}; i=0; until test -e go; do echo tick $i; i=$((i+1)); sleep 0.01; done; echo done; exit 7`;

const POLICY = `name: kept
extends: exec
commands:
  deny: [{ program: mount }]
network: [{ host: open.test, methods: [GET] }]
canaries: [env]
`;

let user: User;
const services: Started[] = [];
beforeEach(() => {
  user = new User();
  writePolicy(POLICY);
});
afterEach(async () => {
  for (const service of services.splice(0)) {
    service.child.kill('SIGTERM');
    await service.ended;
  }
  await user.run('gc', '--all');
  user[Symbol.dispose]();
});

function writePolicy(text: string): void {
  mkdirSync(join(user.folder, 'policies', 'kept'), { recursive: true });
  writeFileSync(join(user.folder, 'policies', 'kept', 'policy.yaml'), text);
}

/** The first of a state folder prints a key. */
async function start(first: boolean, ...options: string[]): Promise<{ readonly service: Started; readonly url: string; readonly key: string }> {
  const service = user.start(['serve', '--port', '0', '--workers', '0', ...options]);
  services.push(service);
  await service.says('/docs)');
  if (first) await service.prints('\n');
  const { stdout, stderr } = service.soFar;
  return { service, url: /listening at (http:\S+)/.exec(stderr)?.[1] ?? '', key: stdout.trim() };
}

async function killed(service: Started): Promise<void> {
  service.child.kill('SIGKILL');
  await service.ended;
  services.splice(services.indexOf(service), 1);
}

/** What a command has put out, from a byte on, to its end or until `enough`. */
async function outputOf(client: Caller, path: string, from = 0, enough: (text: string) => boolean = () => false): Promise<{ readonly text: string; readonly end?: Record<string, unknown> }> {
  let text = '';
  for await (const { event, data } of eventsOf(await client.raw('GET', `${path}/output?stdout=${from}`))) {
    if (event === 'end') return { text, end: data };
    expect(data['offset']).toBe(from + text.length);
    text += String(data['data']);
    if (enough(text)) return { text };
  }
  throw new Error(`the stream of ${path} ended without an end, after ${text.length} bytes`);
}

/** A sandbox in which something runs for which nobody answers. */
async function leftByKilled(kind: 'container' | 'process'): Promise<string> {
  const before = recorded();
  const dying = user.start(['exec', '--kind', kind, '--', 'sh', '-c', 'echo there; exec sleep 1000']);
  await dying.prints('there');
  dying.child.kill('SIGKILL');
  await dying.ended;
  const record = recorded().find((name) => !before.includes(name));
  return record?.replace('.json', '') ?? expect.fail('there is no record of it');
}

/** As if the machine had ended it: nobody else has anything to do with that. */
async function endSandbox(kind: 'container' | 'process', id: string): Promise<void> {
  if (kind === 'container') await Promise.all((await user.containers()).map(async ({ Id }) => (await engine()).getContainer(Id).remove({ force: true })));
  else for (const { pid } of listProcesses()) if (keeperSocket(pid)?.includes(id) === true) process.kill(pid, 'SIGKILL');
}

/** Files of sandboxes. */
function recorded(): string[] {
  const folder = join(user.env['GLOVEBOX_HOME'] ?? '', 'sandboxes');
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
}

describe.each(['container', 'process'] as const)('a %s sandbox whose service was killed', (kind) => {
  test('is served by the next start: its commands and their output to the byte, under the policy that it had', async () => {
    const first = await start(true, '--warm', '2');
    const before = new Caller(first.url, first.key);
    const id = await before.sandbox({ kind, policy: 'kept', labels: { for: 'ann' }, env: { OWN: 'value' }, session: { wallMs: 600_000 } });
    const sandbox = `/v1/sandboxes/${id}`;
    const { body: was } = await before.call('GET', sandbox);
    const counting = String((await before.command(id, ['sh', '-c', COUNTS], { background: true }))['id']);
    const reading = String((await before.command(id, ['cat'], { background: true, openStdin: true }))['id']);
    const over = String((await before.command(id, ['echo', 'over'], { background: true }))['id']);
    const write = (client: Caller, text: string, close = false): Promise<Response> =>
      client.raw('POST', `${sandbox}/commands/${reading}/stdin?close=${close}`, { body: text, headers: { 'content-type': 'application/octet-stream' } });
    expect((await write(before, 'one\n')).status).toBe(204);
    expect((await before.call('GET', `${sandbox}/commands/${over}?waitMs=30000`)).body).toMatchObject({ status: 'ended' });
    // It waits for ever, and nobody was told its id.
    const abandoned = before.command(id, ['sleep', '1000']).catch(() => undefined);
    const read = (await outputOf(before, `${sandbox}/commands/${counting}`, 0, (text) => text.includes('tick 9\n'))).text;

    await killed(first.service);
    await abandoned;
    const next = await start(false, '--warm', '2');
    const client = new Caller(next.url, first.key);
    expect(next.service.soFar.stderr).toContain('goes on');
    expect((await client.call('GET', '/v1/sandboxes')).body['items']).toEqual([was]);
    expect(was).toMatchObject({ labels: { for: 'ann' }, policy: { name: 'kept' } });

    const command = `${sandbox}/commands/${counting}`;
    expect((await client.call('GET', command)).body).toMatchObject({ status: 'running', argv: ['sh', '-c', COUNTS] });
    const on = outputOf(client, command);
    await outputOf(client, command, 0, (text) => text.includes('tick 99\n'));
    expect((await client.raw('PUT', `${sandbox}/files?path=/workspace/go`, { body: '', headers: { 'content-type': 'application/octet-stream' } })).status).toBe(204);
    const { text, end } = await on;
    const ticks = text.slice(text.indexOf('tick 0')).split('\n').length - 2;
    expect(text).toBe(`${sequence(1, MUCH)}${Array.from({ length: ticks }, (_, i) => `tick ${i}\n`).join('')}done\n`);
    expect(text.startsWith(read)).toBe(true);
    expect(end).toMatchObject({ cause: 'exited', exitCode: 7, output: { stdoutBytes: text.length, droppedBytes: 0, lostBytes: 0 } });
    expect((await outputOf(client, command, 123_456)).text).toBe(text.slice(123_456));
    expect((await client.call('GET', `${sandbox}/commands/${over}`)).body).toMatchObject({ status: 'ended', end: { exitCode: 0 } });
    expect((await outputOf(client, `${sandbox}/commands/${over}`)).text).toBe('over\n');

    expect((await write(client, 'two\n', true)).status).toBe(204);
    expect((await client.call('GET', `${sandbox}/commands/${reading}?waitMs=30000`)).body).toMatchObject({ status: 'ended', stdout: 'one\ntwo\n' });
    const sleeping = String((await client.command(id, ['sleep', '1000'], { background: true }))['id']);
    expect((await client.raw('POST', `${sandbox}/commands/${sleeping}/signal`, { body: JSON.stringify({ signal: 'SIGINT' }), headers: { 'content-type': 'application/json' } })).status).toBe(204);
    expect((await client.call('GET', `${sandbox}/commands/${sleeping}?waitMs=30000`)).body).toMatchObject({ end: { cause: 'signalled', signal: 'SIGINT' } });
    expect(await client.command(id, ['sh', '-c', 'echo $OWN; ls; pgrep -x sleep || echo none'])).toMatchObject({ stdout: 'value\ngo\nnone\n' });
    expect(await client.command(id, ['mount', '/x', '/y'])).toMatchObject({ end: { cause: 'policy' }, decision: { effect: 'deny', policy: (was['policy'] as { hash: string }).hash } });
    // Its way out was opened anew: what policy does not open is refused there, in words.
    const asking = await client.command(id, ['sh', '-c', 'curl -s -w " %{http_code}" http://closed.test/; curl -s -X POST -w " %{http_code}" http://open.test/']);
    expect(asking['stdout']).toMatch(/ 403[^]* 403$/);

    expect((await client.call('DELETE', sandbox)).status).toBe(204);
    expect((await client.call('GET', '/v1/sandboxes')).body['items']).toEqual([]);
    expect(readdirSync(join(user.env['GLOVEBOX_HOME'] ?? '', 'spool'))).toEqual([]);
    expect((await user.run('audit', 'verify')).code).toBe(0);
  });

  test('and which died with it is closed in the journal by the next start', async () => {
    const first = await start(true);
    const id = await new Caller(first.url, first.key).sandbox({ kind, policy: 'kept' });
    await killed(first.service);
    await endSandbox(kind, id);
    const next = await start(false);
    expect(next.service.soFar.stderr).toContain('its sandboxes are gone');
    expect((await new Caller(next.url, first.key).call('GET', '/v1/sandboxes')).body['items']).toEqual([]);
    await expect.poll(recorded, { timeout: 20_000 }).toEqual([]);
  });
});

test.each(['container', 'process'] as const)('what a command line that was killed has left of a %s sandbox is swept by the next start of a service, and of a worker', async (kind) => {
  for (const command of [['serve', '--port', '0', '--workers', '0'], ['worker']]) {
    await endSandbox(kind, await leftByKilled(kind));
    const next = user.start(command);
    services.push(next);
    await next.says('swept what a dead process left');
    expect(recorded()).toEqual([]);
    expect(await user.containers()).toEqual([]);
    next.child.kill('SIGTERM');
    expect(await next.ended).toMatchObject({ code: 0 });
    services.pop();
  }
});

test('what a command line that was killed has left running is not swept: it ends by itself', async () => {
  const left = await leftByKilled('process');
  await endSandbox('process', await leftByKilled('process'));
  const worker = user.start(['worker']);
  services.push(worker);
  await worker.says('swept what a dead process left');
  expect(recorded()).toEqual([`${left}.json`]);
});

test('a sandbox whose policy is another one by now is ended by the next start, and says why', async () => {
  const first = await start(true);
  const id = await new Caller(first.url, first.key).sandbox({ policy: 'kept' });
  await killed(first.service);
  writePolicy(`${POLICY}description: another\nlimits: { cpu: 1 }\n`);
  const next = await start(false);
  expect(next.service.soFar.stderr).toContain('the policy kept is another one by now');
  expect((await new Caller(next.url, first.key).call('GET', `/v1/sandboxes/${id}`)).status).toBe(404);
  expect(recorded()).toEqual([]);
});

function sequence(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}\n`).join('');
}
