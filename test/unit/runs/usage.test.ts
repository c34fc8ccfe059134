import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { NewEvent } from '../../../src/contracts/index.ts';
import { SqliteJournal } from '../../../src/journal/index.ts';
import { JournalBudgets, UsageReadings } from '../../../src/runs/index.ts';

const NOVEMBER_MS = Date.UTC(2026, 10, 1);

/** A journal whose clock is told, and readings of it. */
function book() {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-usage-'));
  let nowMs = NOVEMBER_MS;
  const clock = { now: () => nowMs };
  const journal = new SqliteJournal(join(folder, 'journal.db'), { clock });
  onTestFinished(async () => {
    await journal[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const budgets = new JournalBudgets({ journal, clock, limits: { of: () => [] }, ownership: { name: 'this', isDead: () => false } });
  const write = async (stream: string, atSeconds: number, event: NewEvent, tenant = 'acme'): Promise<void> => {
    nowMs = NOVEMBER_MS + atSeconds * 1000;
    await journal.append(stream, [event], { tenant });
  };
  return { budgets, write, readings: new UsageReadings({ journal, budgets }) };
}

const opened = (principal: string): NewEvent => ({ type: 'session.opened', data: { principal, tenant: 'acme', roles: [], policy: 'p', policyHash: 'h' } });
const created = (sandbox: string): NewEvent => ({ type: 'sandbox.created', data: { sandbox, kind: 'process', image: 'base', limitsAre: 'soft', purpose: 'test' } });
const gone = (sandbox: string): NewEvent => ({ type: 'sandbox.gone', data: { sandbox, why: 'closed' } });
const ended: NewEvent = {
  type: 'command.ended',
  data: {
    command: 'cmd_1',
    stdoutHash: '',
    stderrHash: '',
    end: {
      cause: 'exited',
      exitCode: 0,
      limitsHit: [],
      oomKills: { count: 0, blame: 'certain' },
      tree: 'dead',
      markerLost: false,
      usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssBytes: 1 },
      output: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0, lostBytes: 0 },
    },
  },
};

test('commands, sandboxes and their time count for whoever opened the session, in his tenant and in the month in which they were', async () => {
  const { write, readings } = book();
  await write('ses_october', -100, opened('user:ann'));
  await write('ses_october', -60, created('sbx_1'));
  await write('ses_october', -50, ended);
  await write('ses_october', 30, ended);
  await write('ses_october', 40, gone('sbx_1'));
  await write('ses_bob', 50, opened('user:bob'));
  await write('ses_bob', 50, created('sbx_2'));
  await write('ses_bob', 60, gone('sbx_2'));
  await write('ses_elsewhere', 70, opened('user:eve'), 'other');
  await write('ses_elsewhere', 70, ended, 'other');

  expect(await readings.of('acme', '2026-11')).toEqual({
    tenant: 'acme',
    month: '2026-11',
    total: { microUsd: 0, tokens: 0, commands: 1, programs: 0, sandboxes: 1, sandboxSeconds: 50 },
    users: [
      { user: 'user:ann', microUsd: 0, tokens: 0, commands: 1, programs: 0, sandboxes: 0, sandboxSeconds: 40 },
      { user: 'user:bob', microUsd: 0, tokens: 0, commands: 0, programs: 0, sandboxes: 1, sandboxSeconds: 10 },
    ],
    warnings: [],
  });
  expect((await readings.of('acme', '2026-10')).total).toMatchObject({ commands: 1, sandboxes: 1, sandboxSeconds: 60 });
  expect((await readings.of('other', '2026-11')).total.commands).toBe(1);
});

test('the sandbox of a process that died counts until the last thing that it wrote, and from when another takes it up', async () => {
  const { write, readings } = book();
  await write('run_1', 0, opened('user:ann'));
  await write('run_1', 0, created('sbx_1'));
  await write('run_1', 20, ended);
  await write('run_1', 3600, opened('user:ann'));
  await write('run_1', 3600, { type: 'sandbox.adopted', data: { sandbox: 'sbx_1' } });
  await write('run_1', 3605, { type: 'session.closed', data: { why: 'closed' } });
  expect((await readings.of('acme', '2026-11')).total).toMatchObject({ sandboxes: 1, sandboxSeconds: 25 });
});

test('money and tokens are those of the books of budgets', async () => {
  const { budgets, write, readings } = book();
  await write('ses_1', 0, opened('user:ann'));
  const ann = { tenant: 'acme', name: 'user:ann', roles: [] };
  const reservation = await budgets.reserve(await budgets.read(ann), ann, { microUsd: 900, tokens: 90 }, { stream: 'ses_1', call: 'm#1' });
  await reservation?.settle({ microUsd: 500, tokens: 70 });
  expect((await readings.of('acme', '2026-11')).users).toMatchObject([{ user: 'user:ann', microUsd: 500, tokens: 70 }]);
});
