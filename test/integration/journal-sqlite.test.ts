import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GloveboxError, NewEvent } from '../../src/contracts/index.ts';
import { SqliteJournal } from '../../src/journal/index.ts';
import { migrate } from '../../src/journal/sqlite/migrate.ts';
import { MIGRATIONS } from '../../src/journal/sqlite/migrations.ts';
import { verifyStreams } from '../../src/journal/sqlite/verify.ts';
import { journalSuite } from './journal.suite.ts';

const APPENDER = join(import.meta.dirname, 'journal.appender.ts');
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;

journalSuite('SqliteJournal', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-journal-'));
  return {
    open: (clock) => new SqliteJournal(join(folder, 'state', 'journal.db'), { clock }),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
  };
});

const prompted = (text: string): NewEvent => ({ type: 'run.prompted', data: { text } });

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-journal-'));
  file = join(folder, 'journal.db');
});

afterEach(() => rmSync(folder, { recursive: true }));

async function errorOf(work: () => unknown): Promise<GloveboxError> {
  try {
    await work();
  } catch (error) {
    return error as GloveboxError;
  }
  throw new Error('nothing was thrown');
}

/** Changes the file as somebody without glovebox would. */
function tamper(sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

describe('a journal in a SQLite file', () => {
  test('belongs to its owner alone', async () => {
    await using journal = new SqliteJournal(join(folder, 'deep', 'er', 'journal.db'));
    await journal.append('run_1', [prompted('a')]);
    expect(statSync(join(folder, 'deep')).mode & 0o777).toBe(0o700);
    for (const suffix of ['', '-wal']) expect(statSync(join(folder, 'deep', 'er', `journal.db${suffix}`)).mode & 0o777).toBe(0o600);
  });

  test('keeps what was appended when the process is killed', async () => {
    const child = spawn(NODE[0], [NODE[1], APPENDER, file, 'run_1', '1000000'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let last = 0;
    for await (const line of createInterface(child.stdout)) {
      last = Number(line);
      if (last === 300) child.kill('SIGKILL');
    }
    await using journal = new SqliteJournal(file);
    const kept = (await journal.read('run_1')).length;
    expect(kept).toBeGreaterThanOrEqual(last);
    expect(await journal.verify()).toEqual({ streams: 1, events: kept });
    expect((await journal.append('run_1', [prompted('after')]))[0]?.seq).toBe(kept + 1);
  });

  test('serialises appends of several processes, to one stream and to different ones', async () => {
    const processes = ['run_shared', 'run_shared', 'run_shared', 'run_own'].map((stream) =>
      spawn(NODE[0], [NODE[1], APPENDER, file, stream, '200'], { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    const codes = await Promise.all(processes.map(async (child) => (await once(child, 'exit'))[0] as number));
    expect(codes).toEqual([0, 0, 0, 0]);
    await using journal = new SqliteJournal(file);
    expect(await journal.verify()).toEqual({ streams: 2, events: 800 });
    expect((await journal.read('run_shared')).map((event) => event.seq)).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  });

  test('reaches the disk once for each durable append, and not for others', async ({ skip }) => {
    const traced = (durable: string) => {
      const trace = join(folder, 'trace');
      const ran = spawnSync('strace', ['-f', '-y', '-e', 'trace=fsync,fdatasync', '-o', trace, ...NODE, APPENDER, file, 'run_1', '20', durable]);
      skip(ran.error !== undefined || ran.status !== 0, 'needs strace, and leave to trace');
      return spawnSync('grep', ['-c', 'sync([0-9]*<.*journal.db-wal>', trace]).stdout.toString().trim();
    };
    // Once more when the last connection closes and folds the log into the database.
    await using open = new SqliteJournal(file);
    expect(traced('no')).toBe('0');
    expect(Number(traced('durable'))).toBeGreaterThanOrEqual(20);
    expect((await open.verify()).events).toBe(40);
  });

  test('says who holds it when another process keeps it locked for too long', async () => {
    await using journal = new SqliteJournal(file, { busyTimeoutMs: 50 });
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const error = await errorOf(() => journal.append('run_1', [prompted('a')]));
    expect(error.code).toBe('journal_failed');
    expect(error.message).toContain(`the journal ${file} failed: database is locked. another process keeps it locked`);
    other.exec('ROLLBACK');
    other.close();
    expect((await journal.append('run_1', [prompted('a')]))[0]?.seq).toBe(1);
  });
});

describe('a journal that cannot be opened', () => {
  test('is refused when it was written by a newer glovebox', async () => {
    await new SqliteJournal(file)[Symbol.asyncDispose]();
    tamper('PRAGMA user_version = 7');
    const error = await errorOf(() => new SqliteJournal(file));
    expect(error.code).toBe('newer_version');
    expect(error.message).toBe(
      `the journal ${file} was written by a newer glovebox: its schema is version 7, this one knows ${MIGRATIONS.length}. Upgrade glovebox, or name another file`,
    );
  });

  test('is refused when it is the database of another program', async () => {
    tamper('CREATE TABLE photos (id INTEGER)');
    const error = await errorOf(() => new SqliteJournal(file));
    expect(error.code).toBe('journal_failed');
    expect(error.message).toContain('is the database of another program');
  });

  test('is refused when it is not a database', async () => {
    writeFileSync(file, 'a text of some length that is certainly not the header of a database\n'.repeat(100));
    const error = await errorOf(() => new SqliteJournal(file));
    expect(error.code).toBe('journal_failed');
    expect(error.message).toBe(`the journal ${file} failed: file is not a database. it is not a database: move it away, or name another file`);
  });

  test('says which file is damaged', async () => {
    await new SqliteJournal(file)[Symbol.asyncDispose]();
    const bytes = Buffer.alloc(statSync(file).size - 4096, 0xa5);
    writeFileSync(file, bytes, { flag: 'r+' });
    const error = await errorOf(async () => {
      await using journal = new SqliteJournal(file);
      await journal.append('run_1', [prompted('a')]);
    });
    expect(error.code).toBe('journal_failed');
    expect(error.message).toContain(file);
  });

  test.each(['', ':memory:', 'file:journal.db'])('is refused when its name is none of a file to SQLite: %j', async (name) => {
    expect((await errorOf(() => new SqliteJournal(name))).message).toBe(`a journal needs a file, found ${JSON.stringify(name)}: name one`);
  });

  test('says so when its folder cannot be made', async () => {
    writeFileSync(file, '');
    const error = await errorOf(() => new SqliteJournal(join(file, 'journal.db')));
    expect(error.code).toBe('journal_failed');
    expect(error.message).toContain(join(file, 'journal.db'));
  });
});

describe('a journal of schema version 1', () => {
  /** As version 1 of the program left it: three streams whose tenants stand in their first events. */
  async function makeVersion1(): Promise<unknown[]> {
    const opened: NewEvent = { type: 'session.opened', data: { principal: 'user:ann', tenant: 'acme', policy: 'p', policyHash: 'h' } };
    const created: NewEvent = { type: 'run.created', data: { task: 't', repository: 'r', baseTree: 'b', options: { principal: { tenant: 'globex', name: 'user:bob', roles: [] } } } };
    {
      await using journal = new SqliteJournal(file);
      await journal.append('ses_1', [opened, prompted('a')]);
      await journal.append('run_1', [created, prompted('b')]);
      await journal.append('run_2', [prompted('c')]);
    }
    tamper(`
      DROP TABLE audit_entries; DROP TABLE audit_checkpoints; DROP INDEX heads_grown; DROP TRIGGER heads_grew; ALTER TABLE heads DROP COLUMN logged; ALTER TABLE heads DROP COLUMN grown;
      DROP INDEX heads_by_tenant; ALTER TABLE heads DROP COLUMN tenant; ALTER TABLE heads DROP COLUMN fence; PRAGMA user_version = 1`);
    const version1 = new DatabaseSync(join(folder, 'version1.db'));
    version1.exec(MIGRATIONS[0] ?? '');
    const tablesOf = (database: DatabaseSync) => database.prepare('PRAGMA table_list').all().map(({ name }) => [name, database.prepare(`PRAGMA table_info(${name})`).all()]);
    const made = new DatabaseSync(file);
    expect(tablesOf(made)).toEqual(tablesOf(version1));
    const rows = made.prepare('SELECT * FROM events ORDER BY stream, seq').all();
    for (const database of [made, version1]) database.close();
    return rows;
  }

  const rowsOf = (): unknown[] => {
    const database = new DatabaseSync(file);
    const rows = database.prepare('SELECT * FROM events ORDER BY stream, seq').all();
    database.close();
    return rows;
  };

  test('is migrated when it is opened: nothing is lost, and each stream has its tenant', async () => {
    const rows = await makeVersion1();
    // A process of that version, which has its file open all the while.
    const older = new DatabaseSync(file);
    const insert = older.prepare('INSERT INTO heads (stream, seq, hash, first_ms, last_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq');
    await using journal = new SqliteJournal(file);
    expect(await journal.verify()).toEqual({ streams: 3, events: 5 });
    expect(rowsOf()).toEqual(rows);
    const tenants = (await journal.streams()).map(({ stream, tenant }) => [stream, tenant]);
    expect(Object.fromEntries(tenants)).toEqual({ ses_1: 'acme', run_1: 'globex', run_2: 'local' });
    expect((await journal.append('run_1', [prompted('d')], { fence: 1 }))[0]?.seq).toBe(3);
    insert.run('run_2', 1, 'f'.repeat(64), 0, 0);
    older.close();
    expect(readdirSync(folder).filter((name) => name.includes('trial'))).toEqual([]);
  });

  test('stays as it is when the migration fails, which is found out on a copy', async () => {
    await makeVersion1();
    tamper('ALTER TABLE heads ADD COLUMN fence TEXT');
    const before = readFileSync(file);
    const error = await errorOf(() => new SqliteJournal(file));
    expect(error.code).toBe('journal_failed');
    expect(error.message).toBe(
      `the journal ${file} cannot be brought to schema version ${MIGRATIONS.length}: duplicate column name: fence. It was tried on a copy beside it, and is as it was: go on with the glovebox that wrote it, and report this`,
    );
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes('trial'))).toEqual([]);
  });

  test('stays as it is when the migration loses something', async () => {
    await makeVersion1();
    const database = new DatabaseSync(file);
    const losing = [...MIGRATIONS.slice(0, 1), `DELETE FROM events WHERE stream = 'run_2'; DELETE FROM heads WHERE stream = 'run_2'`];
    const error = await errorOf(() => migrate(database, file, losing));
    expect(error.message).toContain('it held 5 events in 3 streams before, and 4 events in 2 streams after');
    expect(verifyStreams(database, undefined)).toEqual({ streams: 3, events: 5 });
    database.close();
  });

  test('is migrated when it was altered, and the place is still named', async () => {
    await makeVersion1();
    tamper(`UPDATE events SET data = '{' WHERE stream = 'run_1' AND seq = 1`);
    await using journal = new SqliteJournal(file);
    expect((await errorOf(() => journal.verify())).details).toEqual({ stream: 'run_1', seq: 1 });
    expect(await journal.verify('ses_1')).toEqual({ streams: 1, events: 2 });
  });
});

describe('a full disk', () => {
  test('fails the append with what to do, and loses nothing that was appended', ({ skip }) => {
    const script = `
      mount -t tmpfs -o size=1m none ${folder} || exit 77
      exec ${NODE.join(' ')} --input-type=module -e '
        import { SqliteJournal } from ${JSON.stringify(join(import.meta.dirname, '../../src/journal/index.ts'))};
        const journal = new SqliteJournal(${JSON.stringify(file)});
        let appended = 0;
        try {
          for (;;) appended += (await journal.append("run_1", [{ type: "run.prompted", data: { text: "x".repeat(20000) } }])).length;
        } catch (error) {
          console.log(JSON.stringify({ code: error.code, message: error.message, appended, kept: (await journal.verify()).events }));
        }'`;
    const ran = spawnSync('unshare', ['--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), 'sh', '-c', script]);
    skip(ran.error !== undefined || ran.status === 77 || ran.stdout.length === 0, 'needs leave to mount a small tmpfs');
    const told = JSON.parse(ran.stdout.toString()) as { code: string; message: string; appended: number; kept: number };
    expect(told.code).toBe('journal_failed');
    expect(told.message).toBe(`the journal ${file} failed: database or disk is full. the disk is full: make room and try again`);
    expect(told.appended).toBeGreaterThan(5);
    expect(told.kept).toBe(told.appended);
  });
});

describe('a journal that was altered by hand', () => {
  beforeEach(async () => {
    await using journal = new SqliteJournal(file);
    for (const stream of ['run_a', 'run_b', 'run_c']) await journal.append(stream, ['1', '2', '3', '4', '5'].map(prompted));
  });

  const cases: readonly (readonly [string, string, string, number])[] = [
    ['changed data', `UPDATE events SET data = '{"text":"X"}' WHERE stream = 'run_b' AND seq = 3`, 'run_b', 3],
    ['changed data by a space', `UPDATE events SET data = '{"text": "3"}' WHERE stream = 'run_b' AND seq = 3`, 'run_b', 3],
    ['a changed time', `UPDATE events SET time_ms = time_ms + 1 WHERE stream = 'run_b' AND seq = 5`, 'run_b', 5],
    ['a changed type', `UPDATE events SET type = 'run.submitted' WHERE stream = 'run_c' AND seq = 1`, 'run_c', 1],
    ['a changed hash', `UPDATE events SET hash = '${'1'.repeat(64)}' WHERE stream = 'run_b' AND seq = 2`, 'run_b', 2],
    ['a removed event', `DELETE FROM events WHERE stream = 'run_b' AND seq = 2`, 'run_b', 2],
    ['a removed first event', `DELETE FROM events WHERE stream = 'run_b' AND seq = 1`, 'run_b', 1],
    ['a cut tail', `DELETE FROM events WHERE stream = 'run_b' AND seq > 3`, 'run_b', 4],
    ['a stream without its events', `DELETE FROM events WHERE stream = 'run_b'`, 'run_b', 1],
    ['a stream without its head', `DELETE FROM heads WHERE stream = 'run_b'`, 'run_b', 1],
    [
      'two events in each other\u2019s place',
      `UPDATE events SET seq = 100 WHERE stream = 'run_b' AND seq = 2; UPDATE events SET seq = 2 WHERE stream = 'run_b' AND seq = 3;
       UPDATE events SET seq = 3 WHERE stream = 'run_b' AND seq = 100`,
      'run_b',
      2,
    ],
    ['an event from another stream', `UPDATE OR REPLACE events SET stream = 'run_b' WHERE stream = 'run_c' AND seq = 4`, 'run_b', 4],
    ['an event too many', `INSERT INTO events SELECT 'run_b', 6, 0, type, 1, data, hash, hash FROM events WHERE stream = 'run_b' AND seq = 5`, 'run_b', 6],
  ];

  test.each(cases)('is found out by verify: %s', async (_, sql, stream, seq) => {
    tamper(sql);
    await using journal = new SqliteJournal(file);
    const error = await errorOf(() => journal.verify());
    expect(error.code).toBe('journal_tampered');
    expect(error.details).toEqual({ stream, seq });
    expect(error.message).toContain(`stream ${stream}, event ${seq}:`);
    expect(await journal.verify('run_a')).toEqual({ streams: 1, events: 5 });
  });

  test('is found out by a plain read where the form or the order shows it', async () => {
    tamper(`UPDATE events SET data = '{"text":' WHERE stream = 'run_a' AND seq = 4; DELETE FROM events WHERE stream = 'run_b' AND seq = 2;
            UPDATE events SET hash = 'short' WHERE stream = 'run_c' AND seq = 3`);
    await using journal = new SqliteJournal(file);
    expect((await errorOf(() => journal.read('run_a'))).message).toContain('stream run_a, event 4: its data is not JSON');
    expect((await errorOf(() => journal.read('run_b'))).message).toContain('stream run_b, event 2: it is missing: event 3 follows event 1');
    expect((await errorOf(() => journal.read('run_b', 1))).details).toEqual({ stream: 'run_b', seq: 2 });
    expect((await errorOf(() => journal.read('run_c'))).message).toContain('stream run_c, event 3: its hash is not what was written');
  });
});

describe('events of another version of glovebox', () => {
  beforeEach(async () => {
    await using journal = new SqliteJournal(file);
    await journal.append('run_1', [prompted('a'), prompted('b')]);
  });

  test('pass as they are when their type is unknown, so that folds can go on', async () => {
    tamper(`UPDATE events SET type = 'run.sung', version = 3 WHERE seq = 2`);
    await using journal = new SqliteJournal(file);
    expect((await journal.read('run_1')).map((event) => [event.type, event.version])).toEqual([
      ['run.prompted', 1],
      ['run.sung', 3],
    ]);
  });

  test('are refused when their type is known and their version newer, because their data would be misread', async () => {
    tamper(`UPDATE events SET version = 2 WHERE seq = 2`);
    await using journal = new SqliteJournal(file);
    const error = await errorOf(() => journal.read('run_1'));
    expect(error.code).toBe('newer_version');
    expect(error.message).toBe(
      'stream run_1, event 2 (run.prompted) was written by a newer glovebox, in version 2 where this one reads 1: upgrade it',
    );
  });
});
