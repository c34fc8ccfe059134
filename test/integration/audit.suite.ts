import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Clock, Journal, JournalEvent, NewEvent } from '../../src/contracts/index.ts';
import { auditKey, JournalAudit, readSqliteAudit } from '../../src/journal/index.ts';

/** A store of a journal and its audit. Each call opens it once more, as another process would. */
export interface AuditUnderTest extends AsyncDisposable {
  journal(options: { readonly clock: Clock; readonly onAppended?: (events: readonly JournalEvent[]) => void }): Journal;
  store(): ConstructorParameters<typeof JournalAudit>[0]['store'];
  /** What somebody does who can write to the database. */
  sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

const prompted = (text: string): NewEvent => ({ type: 'run.prompted', data: { text } });
const ended: NewEvent = { type: 'run.ended', data: { outcome: 'fixed', detail: '', files: [], steps: 0, commands: 0, denials: 0, tokens: 0, usd: 0, wallMs: 0 } };

/** Three streams under two checkpoints, and one event under none. Gives the first checkpoint. */
export async function writeHistory(audit: JournalAudit, journal: Journal, pass: () => void): Promise<void> {
  for (const stream of ['run_a', 'run_b', 'run_c']) {
    await journal.append(stream, ['1', '2', '3'].map(prompted), { tenant: 'acme' });
    pass();
  }
  await audit.checkpoint();
  await journal.append('run_b', ['4', '5'].map(prompted));
  pass();
  await audit.checkpoint();
  await journal.append('run_c', [prompted('4')]);
}

/** What the audit must find in every store of the journal. */
export function auditSuite(name: string, make: () => Promise<AuditUnderTest>): void {
  describe(name, () => {
    const folder = mkdtempSync(join(tmpdir(), 'glovebox-audit-'));
    afterAll(() => rmSync(folder, { recursive: true }));
    const notes = join(folder, 'journal.db.checkpoints');
    const keyFile = join(folder, 'audit.key');
    const said: string[] = [];
    let store: AuditUnderTest;
    let now = 1_000;
    const clock = { now: () => now };
    const openAudit = (everyMs?: number, key = keyFile): JournalAudit => new JournalAudit({ ...(everyMs !== undefined && { everyMs }), store: store.store(), signer: () => auditKey(key), keyFile: key, checkpointFile: notes, open: readSqliteAudit, clock, note: (text) => said.push(text) });

    async function write(audit: JournalAudit): Promise<void> {
      await using journal = store.journal({ clock });
      await writeHistory(audit, journal, () => (now += 1_000));
    }

    async function texts(options?: Parameters<JournalAudit['verify']>[0]): Promise<readonly string[]> {
      await using audit = openAudit();
      return (await audit.verify(options)).findings.map(({ text }) => text);
    }

    async function tamper(sql: string): Promise<void> {
      for (const statement of sql.split('; ')) await store.sql(statement);
    }

    /** What somebody does who can write to the database and has read our source, but has no key. */
    async function forge(stream: string, seq: number): Promise<void> {
      const rows = await store.sql(`SELECT data FROM events WHERE stream = '${stream}' ORDER BY seq`);
      await store.sql(`DELETE FROM events WHERE stream = '${stream}'`);
      await store.sql(`UPDATE heads SET seq = 0, hash = '${'0'.repeat(64)}' WHERE stream = '${stream}'`);
      await using journal = store.journal({ clock: { now: () => 1_000 } });
      for (const [index, row] of rows.entries()) await journal.append(stream, [prompted(index + 1 === seq ? 'never said' : (JSON.parse(String(row['data'])) as { text: string }).text)]);
    }

    beforeEach(async () => {
      now = 1_000;
      store = await make();
    });
    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      rmSync(notes, { force: true });
      expect(said.splice(0)).toEqual([]);
    });

    describe('a journal that is as it was written', () => {
      test('verifies, and it is said how far it is signed', async () => {
        await using audit = openAudit();
        await write(audit);
        expect(await audit.verify()).toEqual({ streams: 3, events: 12, entries: 4, checkpoints: 2, newest: { entries: 4, timeMs: 5_000 }, unsigned: 1, findings: [] });
      });

      test('is signed anew only where it has grown, and the signature is one that others can check', async () => {
        await using audit = openAudit();
        await write(audit);
        const note = await audit.checkpoint();
        expect(await audit.checkpoint()).toBe(note);
        const [name, size, root, time, empty, signature] = note.split('\n');
        expect([size, time, empty]).toEqual(['5', 'time 1970-01-01T00:00:05.000Z', '']);
        expect(root).toMatch(/^[A-Za-z0-9+/]{43}=$/);
        expect(signature).toMatch(new RegExp(`^\u2014 ${name} [A-Za-z0-9+/]+=*$`));
        expect(await audit.verifierKey()).toMatch(new RegExp(`^${name}\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]+=*$`));
        expect((await audit.verify({ keys: [await audit.verifierKey()] })).findings).toEqual([]);
      });

      test('is signed at the end of a run, and when it is closed', async () => {
        const audit = openAudit();
        const journal = store.journal({ clock, onAppended: audit.saw });
        await journal.append('run_a', [prompted('1'), ended]);
        const signed = await audit.checkpoint();
        expect(signed.split('\n')[1]).toBe('1');
        await journal.append('ses_b', [prompted('1')]);
        await journal[Symbol.asyncDispose]();
        await audit[Symbol.asyncDispose]();
        expect(readFileSync(notes, 'utf8').match(/^glovebox.*\n(\d+)$/gm)?.map((found) => found.split('\n')[1])).toEqual(['1', '2']);
      });

      test('is signed after a while where nothing else has it signed', async () => {
        await using audit = openAudit(1);
        await using journal = store.journal({ clock, onAppended: audit.saw });
        await journal.append('ses_a', [prompted('1')]);
        await vi.waitFor(() => expect(readFileSync(notes, 'utf8')).toMatch(/^glovebox.*\n1\n/m), { timeout: 20_000 });
      });

      test('is signed on by nobody who has another key', async () => {
        await using audit = openAudit();
        await write(audit);
        await using other = openAudit(undefined, join(folder, 'other.key'));
        await expect(other.checkpoint()).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('machines that share a journal need the same key') });
        expect((await audit.checkpoint()).split('\n')[1]).toBe('5');
      });

      test('is read where it lies while others append and sign', async () => {
        await using audit = openAudit();
        await write(audit);
        const other = openAudit();
        await using journal = store.journal({ clock });
        const [report] = await Promise.all([audit.verify(), journal.append('run_d', [prompted('1')]), other.checkpoint(), audit.checkpoint()]);
        expect(report.findings).toEqual([]);
        await other[Symbol.asyncDispose]();
        expect(await texts()).toEqual([]);
      });
    });

    describe('a journal that was altered by somebody who knows how, without the key', () => {
      beforeEach(async () => {
        await using audit = openAudit();
        await write(audit);
      });

      test('with a chain written anew: the stream and the first event that is under a checkpoint are named', async () => {
        await forge('run_b', 2);
        expect((await texts())[0]).toMatch(/stream run_b, events 1 to 3: written anew, with hashes that fit/);
      });

      test('with a chain and its entries written anew', async () => {
        await forge('run_b', 2);
        await tamper(`UPDATE audit_entries SET hash = (SELECT hash FROM events WHERE events.stream = audit_entries.stream AND events.seq = audit_entries.seq); UPDATE heads SET tenant = 'acme'`);
        expect((await texts()).at(-1)).toMatch(/of entries 0 to 2 of the log at least one is not what was signed at 1970-01-01T00:00:04.000Z \(of run_a up to event 3, run_b up to event 3, run_c up to event 3\)/);
      });

      test('with a stream that is gone without a trace in heads and events', async () => {
        await tamper(`DELETE FROM events WHERE stream = 'run_a'; DELETE FROM heads WHERE stream = 'run_a'`);
        expect(await texts()).toEqual([expect.stringMatching(/stream run_a, event 1: the whole stream is missing. When the log was signed, the stream had 3 events/)]);
        await tamper(`DELETE FROM audit_entries WHERE stream = 'run_a'`);
        expect(await texts()).toEqual([expect.stringMatching(/entry 0 of the log is missing/)]);
      });

      test('with a cut tail, and a head that says so', async () => {
        await tamper(`DELETE FROM events WHERE stream = 'run_b' AND seq > 3; UPDATE heads SET seq = 3, hash = (SELECT hash FROM events WHERE stream = 'run_b' AND seq = 3) WHERE stream = 'run_b'`);
        expect(await texts()).toEqual([expect.stringMatching(/stream run_b, event 4: it is missing. When the log was signed, the stream had 5 events/)]);
      });

      test('with an older copy put back: it is found, and nothing more is signed', async () => {
        await tamper(`DELETE FROM audit_checkpoints WHERE size = 4; DELETE FROM audit_entries WHERE number = 3; UPDATE heads SET logged = 3 WHERE stream = 'run_b'`);
        expect(await texts()).toEqual([expect.stringMatching(/a checkpoint in .*journal.db.checkpoints signed at 1970-01-01T00:00:05.000Z is of 4 entries, and the log has 3: an older copy of the journal was put back/)]);
        await using audit = openAudit();
        await expect(audit.checkpoint()).rejects.toMatchObject({ code: 'journal_tampered' });
        // He removes the file, too: whoever kept the checkpoint elsewhere still finds out.
        const kept = readFileSync(notes, 'utf8');
        rmSync(notes);
        expect(await texts()).toEqual([]);
        expect(await texts({ checkpoints: [kept] })).toEqual([expect.stringMatching(/a checkpoint that was kept elsewhere, signed at .* is of 4 entries, and the log has 3/)]);
      });

      test('with subtrees that would have the next checkpoint sign another log', async () => {
        await tamper(`UPDATE audit_checkpoints SET subtrees = '${'0'.repeat(64)}' WHERE size = 4`);
        await using audit = openAudit();
        await expect(audit.checkpoint()).rejects.toMatchObject({ code: 'journal_tampered', message: expect.stringContaining('its log is not the one of the last checkpoint, of 4 entries') });
      });

      test('with a checkpoint that says something else, in the journal or beside it', async () => {
        await tamper(`UPDATE audit_checkpoints SET note = replace(note, 'time 1970', 'time 1971') WHERE size = 3`);
        expect(await texts()).toEqual([expect.stringMatching(/a checkpoint in the journal, of 3 entries, was altered or is not ours: its signature/), expect.stringMatching(/the checkpoint of 3 entries, .* is no more in it as it was signed/)]);
        writeFileSync(notes, readFileSync(notes, 'utf8').replace('\n4\n', '\n9\n'));
        expect((await texts())[1]).toMatch(/a checkpoint in .*journal.db.checkpoints was altered or is not ours: its signature/);
      });
    });
  });
}
