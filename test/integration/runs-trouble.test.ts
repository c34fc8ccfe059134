import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newCredentials } from '../../src/broker/index.ts';
import type { Clock, EventType, Journal, RunId } from '../../src/contracts/index.ts';
import { FolderBlobs, SqliteJournal } from '../../src/journal/index.ts';
import { PostgresJournal } from '../../src/journal/postgres/index.ts';
import { Runs } from '../../src/runs/index.ts';
import { GitWorkspaces } from '../../src/workspace/index.ts';
import { TestPostgres } from '../support/postgres.ts';
import { calling, rig, ScriptedModel, tinyShell } from '../unit/runs/rig.ts';

/** The same each time, and no packer makes it smaller. As much as a command may be long. */
const NOISE = Array.from({ length: 2_000 }, (_, at) => hash('sha256', String(at), 'base64')).join('');

const script = () =>
  new ScriptedModel([
    calling('shell', { command: 'append log.txt one' }),
    calling('shell', { command: `set big.txt ${NOISE}` }),
    calling('shell', { command: 'append log.txt two' }),
    calling('edit', { command: 'str_replace', path: 'a.txt', old_str: 'bad', new_str: 'good' }),
    calling('submit', { summary: 'made it good' }),
  ]);

async function outcomeOf(journal: Journal, runs: Runs, id: RunId) {
  const { outcome, files, steps } = await runs.execute(id);
  const events = await journal.read(id);
  const count = (type: EventType): number => events.filter((event) => event.type === type).length;
  return { outcome, files, steps, patch: (await runs.patch(id)).text.toString(), settled: count('tool.ended'), tested: count('run.tested') };
}

async function undisturbed() {
  await using at = rig({ interpreter: tinyShell, model: script() });
  return await outcomeOf(at.ports.journal, at.runs, await at.create());
}

/** A file system of its own, which can be full. */
describe.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')('a full disk', () => {
  let disk: string;
  beforeEach(() => {
    disk = mkdtempSync(join(tmpdir(), 'full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'none', disk]);
  });
  afterEach(() => {
    execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
  });

  const filler = (): string => join(disk, 'filler');
  /** Leaves so many bytes. */
  function fill(leftBytes: number): void {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(filler(), Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)));
  }

  test.each(['journal', 'blobs', 'trees'] as const)('under the %s is an error that says so, and nothing is lost: when there is room again the run comes to the same result', async (part) => {
    const expected = await undisturbed();
    let runs = 0;
    const model = script();
    await using at = rig({
      model,
      interpreter: (command) => {
        // In the middle, with some of it kept and more to come.
        if (command.argv.at(-1)?.startsWith('set big.txt') === true && ++runs === 1) fill(part === 'blobs' ? 0 : 16_384);
        return tinyShell(command);
      },
    });
    const journal = part === 'journal' ? new SqliteJournal(join(disk, 'journal.db')) : at.ports.journal;
    const blobs = part === 'blobs' ? new FolderBlobs(join(disk, 'blobs')) : at.ports.blobs;
    const workspaces = new GitWorkspaces({ folder: join(part === 'trees' ? disk : at.folder, 'trees'), blobs, credentials: newCredentials });
    const ours = new Runs({ ...at.ports, journal, blobs, workspaces });
    const id = await ours.create({ task: 'make it good', repository: join(at.folder, 'repository'), model: 'scripted:script', policy: 'test', testCommand: 'check' });
    const error = await ours.execute(id).then(() => expect.fail('a full disk was not noticed'), (problem: unknown) => problem);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(journal_failed|disk_full)$/), message: expect.stringContaining(`glovebox runs resume ${id}`) });
    expect(at.sandboxes.alive).toBe(0);
    rmSync(filler());
    expect(await outcomeOf(journal, ours, id)).toEqual(expected);
    await journal.verify();
    if (journal !== at.ports.journal) await journal[Symbol.asyncDispose]();
  });
});

test.each([
  ['back', -3_600_000],
  ['forward', 3_600_000],
])('a clock that is set %s again and again while a run goes changes nothing but times', async (_, stepMs) => {
  const expected = await undisturbed();
  let offMs = 0;
  const clock: Clock = { now: () => Date.now() + offMs };
  await using at = rig({
    model: script(),
    interpreter: (command) => {
      offMs += stepMs;
      return tinyShell(command);
    },
  });
  await using journal = new SqliteJournal(join(at.folder, 'stepping.db'), { clock });
  const runs = new Runs({ ...at.ports, journal, clock });
  const id = await runs.create({ task: 'make it good', repository: join(at.folder, 'repository'), model: 'scripted:script', policy: 'test', testCommand: 'check' });
  expect(await outcomeOf(journal, runs, id)).toEqual(expected);
  expect((await runs.show(id)).activeMs).toBeGreaterThanOrEqual(0);
  await journal.verify();
});

test('a database that goes away under a run is an error that says so; when it is back the run comes to the same result', { timeout: 180_000 }, async () => {
  const expected = await undisturbed();
  await using server = await TestPostgres.start();
  await using journal = new PostgresJournal(await server.database(), { deadlineMs: 3_000 });
  let down: Promise<void> | undefined;
  await using at = rig({
    model: script(),
    interpreter: (command) => {
      if (command.argv.at(-1) === 'append log.txt two') down ??= server.down();
      return tinyShell(command);
    },
  });
  const runs = new Runs({ ...at.ports, journal });
  const id = await runs.create({ task: 'make it good', repository: join(at.folder, 'repository'), model: 'scripted:script', policy: 'test', testCommand: 'check' });
  await expect(runs.execute(id)).rejects.toMatchObject({ code: 'journal_failed', message: expect.stringContaining(`glovebox runs resume ${id}`) });
  await down;
  expect(at.sandboxes.alive).toBe(0);
  await server.up();
  expect(await outcomeOf(journal, runs, id)).toEqual(expected);
  await journal.verify();
});
