import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test } from 'vitest';
import type { JournalEvent, NewEvent, NotificationsDocument } from '../../src/contracts/index.ts';
import { systemClock } from '../../src/contracts/index.ts';
import { notificationsSchema } from '../../scripts/policy-schema.ts';
import { ObservedJournal, SqliteJournal } from '../../src/journal/index.ts';
import { Notifier, openChannels } from '../../src/notify/index.ts';
import { readNotifications } from '../../src/policy/index.ts';
import { mailServer, receiver } from '../support/receivers.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const SECRET = `whsec_${KEY}`;
const RUN = 'run_01k00000000000000000000000';

const escalated: NewEvent<'run.escalated'> = { type: 'run.escalated', data: { code: 'budget_exhausted', why: 'it has spent what it may', tried: [], seen: [], todo: ['raise <the> budget'] } };

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'glovebox-notify-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

/** A process of its own, as far as the journal can tell. */
async function running(home: string, channels: NotificationsDocument['channels'], owner = 'one', lookMs = 100) {
  const journal = new ObservedJournal(new SqliteJournal(join(home, 'journal.db')));
  const open = await openChannels({ channels }, { clock: systemClock, secretAt: () => Promise.resolve(SECRET) });
  const notes: string[] = [];
  const notifier = new Notifier({ journal, clock: systemClock, channels: open, ownership: { name: owner, isDead: (other) => other === 'dead' }, baseUrl: 'https://glovebox.example/', note: (text) => notes.push(text), lookMs });
  journal.observe(notifier);
  const stop = async (): Promise<void> => {
    await notifier[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();
  };
  onTestFinished(stop);
  return { journal, notes, stop };
}

/** What was written down of telling, once it has so many that are over. */
async function told({ journal }: { journal: ObservedJournal }, over: number): Promise<readonly JournalEvent[]> {
  const signal = AbortSignal.timeout(20_000);
  const stream = `notifications:${new Date().toISOString().slice(0, 10)}`;
  const events: JournalEvent[] = [];
  for await (const event of journal.follow(stream, { signal })) {
    events.push(event);
    if (events.filter((each) => each.type === 'notification.sent' || (each.type === 'notification.failed' && each.data.final)).length === over) return events;
  }
  throw new Error(`in 20 s there was only ${JSON.stringify(events)}`);
}

const hook = (url: string, more: object = {}) => ({ name: 'hook', webhook: { url, secret: { secret: 'hook' } }, tell: ['approval', 'escalation', 'alarm', 'budget', 'stop'], ...more }) as NotificationsDocument['channels'][number];

test('a webhook is signed, links to the very thing, and is tried again with the same id until it came', async () => {
  const answers = [503, 204];
  const { url, got, until } = await receiver(() => answers.shift() ?? 204);
  const process = await running(folder(), [hook(url)]);
  await process.journal.append(RUN, [escalated], { tenant: 'acme' });
  await until(2);
  const [first, second] = got;
  const headers = second?.headers ?? {};
  const body = second?.body ?? '';
  expect(new Webhook(SECRET).verify(body, headers)).toMatchObject({ type: 'run.escalated', data: { kind: 'escalation', stream: RUN, command: `glovebox runs show ${RUN}`, url: `https://glovebox.example/v1/runs/${RUN}` } });
  const signature = createHmac('sha256', Buffer.from(KEY, 'base64')).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64');
  expect(headers['webhook-signature']).toBe(`v1,${signature}`);
  expect(first?.headers['webhook-id']).toBe(headers['webhook-id']);
  const events = await told(process, 1);
  expect(events.map(({ type }) => type)).toEqual(['notification.claimed', 'notification.failed', 'notification.claimed', 'notification.sent']);
  expect(events[1]?.data).toMatchObject({ final: false, why: expect.stringContaining('answered 503') as string });
});

test('what the process itself writes is told at once, and tried again when it is due, without anybody looking through the journal', async () => {
  const answers = [503];
  const { url, got } = await receiver(() => answers.shift() ?? 204);
  // It looks once, when it begins, and then no more as long as this test goes on.
  const process = await running(folder(), [hook(url)], 'one', 3_600_000);
  const warned: NewEvent<'budget.warned'> = { type: 'budget.warned', data: { scope: 'tenant.month', name: 'acme', period: '2026-11', limit: { microUsd: 100_000_000 }, used: { microUsd: 82_000_000, tokens: 5 } } };
  await process.journal.append('budget:2026-11:acme', [warned], { tenant: 'acme' });
  expect((await told(process, 1)).map(({ type }) => type)).toEqual(['notification.claimed', 'notification.failed', 'notification.claimed', 'notification.sent']);
  expect(JSON.parse(got[1]?.body ?? '')).toMatchObject({ type: 'budget.warned', data: { kind: 'budget', title: 'acme has used most of its budget of 2026-11', text: '$82 of $100: 82 %', command: 'glovebox budgets' } });
});

test('of two processes one tells, and of a run that neither of them works at it is told as well', async () => {
  const home = folder();
  const { url, got } = await receiver();
  const one = await running(home, [hook(url)], 'one');
  await running(home, [hook(url)], 'two');
  const stranger = new SqliteJournal(join(home, 'journal.db'));
  onTestFinished(() => stranger[Symbol.asyncDispose]());
  const runs = Array.from({ length: 6 }, (_, i) => `${RUN.slice(0, -1)}${i}`);
  for (const run of runs) await (run.endsWith('0') ? stranger : one.journal).append(run, [escalated]);
  const events = await told(one, runs.length);
  expect(events.filter(({ type }) => type === 'notification.sent')).toHaveLength(runs.length);
  expect(got.map(({ body }) => (JSON.parse(body) as { data: { stream: string } }).data.stream).toSorted()).toEqual(runs);
});

test('what a process that was killed had begun to tell is told by another, with the id that it had', async () => {
  const home = folder();
  const { url, got } = await receiver();
  const journal = new SqliteJournal(join(home, 'journal.db'));
  const [event] = await journal.append(RUN, [escalated]);
  const notice = `${RUN}#${event?.seq}`;
  await journal.append(`notifications:${new Date(event?.timeMs ?? 0).toISOString().slice(0, 10)}`, [{ type: 'notification.claimed', data: { notice, channel: 'hook', owner: 'dead', untilMs: Date.now() + 60_000 } }]);
  await journal[Symbol.asyncDispose]();
  const process = await running(home, [hook(url)]);
  expect((await told(process, 1)).at(-1)?.data).toEqual({ notice, channel: 'hook', attempts: 2 });
  expect(got).toHaveLength(1);
});

test('a chat gets text that calls nobody, a mailbox a mail, and whoever says that he is gone is not asked again', async () => {
  const { user, password } = { user: 'glovebox', password: SECRET };
  const [chat, gone, mail] = await Promise.all([receiver(), receiver(() => 410), mailServer({ user, password })]);
  const channels: NotificationsDocument['channels'] = [
    { name: 'chat', chat: { url: chat.url }, tell: ['escalation'] },
    { name: 'mail', mail: { host: '127.0.0.1', port: mail.port, tls: 'none', user, password: { secret: 'smtp' }, from: 'glovebox@example.org', to: ['ann@example.org'] }, tell: ['escalation'] },
    hook(gone.url, { name: 'gone' }),
    hook(gone.url, { name: 'others', tenants: ['other'] }),
    hook(gone.url, { name: 'alarms', tell: ['alarm'] }),
  ];
  const process = await running(folder(), channels);
  await process.journal.append(RUN, [escalated], { tenant: 'acme' });
  const events = await told(process, 3);
  const { text } = JSON.parse(chat.got[0]?.body ?? '') as { text: string };
  expect(text).toContain('raise &lt;the&gt; budget');
  expect(text).toContain(`https://glovebox.example/v1/runs/${RUN}`);
  expect(mail.mails.join('')).toMatch(/^Subject: \[glovebox\] run_\S+ cannot go on by itself:\s+budget_exhausted\r$/m);
  expect(mail.mails.join('')).toContain(`glovebox runs show ${RUN}`);
  expect([chat.got.length, gone.got.length, mail.mails.length]).toEqual([1, 1, 1]);
  expect(events.find(({ type }) => type === 'notification.failed')?.data).toMatchObject({ channel: 'gone', final: true });
});

test('a redirect is not followed: messages go where the file says and nowhere else', async () => {
  const { url, got } = await receiver(() => 302);
  const process = await running(folder(), [hook(url)]);
  await process.journal.append(RUN, [escalated]);
  const signal = AbortSignal.timeout(20_000);
  for await (const { type } of process.journal.follow(`notifications:${new Date().toISOString().slice(0, 10)}`, { signal })) if (type === 'notification.failed') break;
  await process.stop();
  expect(signal.aborted).toBe(false);
  expect(new Set(got.map(({ path }) => path))).toEqual(new Set(['/']));
});

test('the schema that editors use is up to date (scripts/policy-schema.ts writes it)', () => {
  expect(readFileSync(join(import.meta.dirname, '../../deploy/notifications.schema.json'), 'utf8')).toBe(notificationsSchema());
});

test('a file that says what cannot be is refused with the place', async () => {
  const file = join(folder(), 'notifications.yaml');
  const refusal = async (yaml: string): Promise<string> => {
    writeFileSync(file, yaml);
    return readNotifications(file).then(() => 'none', (error: unknown) => (error as Error).message);
  };
  expect(await refusal('channels: [{ name: a, chat: { url: "https://chat.example/x" } }]')).toBe('none');
  expect(await refusal('channels: [{ name: a, webhook: { url: "http://elsewhere.example/", secret: { env: A } } }]')).toContain('https, or http on this machine');
  expect(await refusal('channels: [{ name: a, chat: { url: "https://chat.example/x" } }, { name: a, chat: { url: "https://chat.example/y" } }]')).toContain('notifications.yaml:1:74: channels[1].name: expected a name of its own');
  expect(await refusal('channels: [{ name: a, mail: { host: mail.example, tls: none, from: a@example.org, to: [b@example.org] } }]')).toContain('expected starttls or implicit');
  expect(await refusal('channels: [{ name: a }]')).toContain('expected one of webhook, chat and mail');
});
