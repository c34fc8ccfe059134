import { expect, test } from 'vitest';
import { Caller, eventsOf } from '../support/server.ts';
import { KeptService } from '../support/kept-service.ts';

/** More than a service keeps in memory, or init for it. */
const MUCH = 100_000;
const counts = (until: string): string => `seq 1 ${MUCH}; i=0; until test -e ${until}; do echo tick $i; i=$((i+1)); sleep 0.01; done; echo done; exit 7`;
const SOON = { timeout: 60_000, interval: 500 };

/** What a command has put out, from its first byte on, to its end or until `enough`. */
async function outputOf(asking: Caller, path: string, enough: (text: string) => boolean = () => false): Promise<{ readonly text: string; readonly end?: Record<string, unknown> }> {
  let text = '';
  for await (const { event, data } of eventsOf(await asking.raw('GET', `${path}/output?stdout=0`))) {
    if (event === 'end') return { text, end: data };
    expect(data['offset']).toBe(text.length);
    text += String(data['data']);
    if (enough(text)) return { text };
  }
  throw new Error(`the stream of ${path} ended without an end, after ${text.length} bytes`);
}

async function ids(asking: Caller): Promise<readonly string[]> {
  const { body } = await asking.call('GET', '/v1/sandboxes');
  return (body['items'] as readonly { readonly id: string }[]).map(({ id }) => id);
}

/** Sandboxes that its state folder has a record of. */
async function recorded(service: KeptService): Promise<readonly string[]> {
  return (await service.names('sandboxes')).flatMap((name) => (name.endsWith('.json') ? [name.replace('.json', '')] : []));
}

const HOW = [['is started again', 'startAgain'], ['is replaced by another on its volume', 'startAnew']] as const;

test.each(HOW)('what clients had open at a service whose container was killed and %s goes on, and what died with it is swept', async (_, start) => {
  await using service = await KeptService.start();
  const key = (await service.run('glovebox', 'keys', 'create', 'test', '--role', 'administrator')).split('\n').at(-1) ?? '';
  const before = new Caller(await service.url(), key);
  const id = await before.sandbox({ kind: 'container', session: { wallMs: 600_000 } });
  const lost = await before.sandbox({ kind: 'process', session: { wallMs: 600_000 } });
  const command = `/v1/sandboxes/${id}/commands/${String((await before.command(id, ['sh', '-c', counts('go')], { background: true }))['id'])}`;
  // Of a command line in that container, which dies with it, and which nobody goes on with.
  const other = service.run('glovebox', 'exec', '--kind', 'container', '--', 'sleep', '1000').catch(() => undefined);
  await expect.poll(() => recorded(service), SOON).toHaveLength(3);
  const abandoned = (await recorded(service)).find((name) => name !== id && name !== lost) ?? expect.fail('it has no record');
  await expect.poll(() => service.hasContainer(abandoned), SOON).toBe(true);
  const read = (await outputOf(before, command, (text) => text.includes('tick 9\n'))).text;

  // Nobody else takes anything from those who live, though he cannot see their pids.
  expect(await service.beside('gc')).toContain('nothing was left behind');
  expect(await recorded(service)).toHaveLength(3);

  await service.kill();
  await other;
  await service[start]();
  const after = new Caller(await service.url(), key);
  expect(await ids(after)).toEqual([id]);
  const said = await service.said();
  expect(said).toContain(`goes on, with ${id}`);
  expect(said).toContain('its sandboxes are gone');
  expect((await after.call('GET', command)).body).toMatchObject({ status: 'running' });
  const on = outputOf(after, command);
  await outputOf(after, command, (text) => text.includes('tick 99\n'));
  expect((await after.raw('PUT', `/v1/sandboxes/${id}/files?path=/workspace/go`, { body: '', headers: { 'content-type': 'application/octet-stream' } })).status).toBe(204);
  const { text, end } = await on;
  const ticks = text.slice(text.indexOf('tick 0')).split('\n').length - 2;
  expect(text).toBe(`${Array.from({ length: MUCH }, (__, i) => `${i + 1}\n`).join('')}${Array.from({ length: ticks }, (__, i) => `tick ${i}\n`).join('')}done\n`);
  expect(text.startsWith(read)).toBe(true);
  expect(end).toMatchObject({ cause: 'exited', exitCode: 7, output: { stdoutBytes: text.length, droppedBytes: 0, lostBytes: 0 } });
  expect(await after.command(id, ['echo', 'there'])).toMatchObject({ stdout: 'there\n' });

  // At once, what would else wait for the next sweep.
  await service.run('glovebox', 'gc');
  expect(await service.hasContainer(abandoned)).toBe(false);
  expect(await recorded(service)).toEqual([id]);
  expect((await after.call('DELETE', `/v1/sandboxes/${id}`)).status).toBe(204);
  expect(await ids(after)).toEqual([]);
  expect(await service.hasContainer(id)).toBe(false);
  for (const folder of ['sandboxes', 'spool']) expect(await service.names(folder)).toEqual([]);
  // The service's, and notes of the dead.
  expect((await service.names('owners')).filter((name) => !name.endsWith('.dead'))).toHaveLength(1);
}, 300_000);
