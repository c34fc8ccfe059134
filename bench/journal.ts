import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, type Journal, type JournalEvent } from '../src/contracts/index.ts';
import { SqliteJournal } from '../src/journal/index.ts';
import { PostgresJournal } from '../src/journal/postgres/index.ts';
import { TestPostgres } from '../test/support/postgres.ts';
import { type BareInserts, barePostgres, bareSqlite, commandEvents } from './journal.contenders.ts';
import { machine, type Percentiles, percentiles, type Report, round } from './report.ts';
import { sealedBeside } from './journal.sealed.ts';
import { startUp } from './journal.start-up.ts';

/** Commands whose events are appended before it is the other one's turn. */
const TURN = 25;
/** Turns that are not counted: until then the statements are planned and the code is compiled. */
const WARM_UP = 12;
/** Streams that grow at once. */
const STREAMS = 32;

interface Side {
  readonly eventsPerSecond: number;
  readonly appendMs: Percentiles;
}

/** Appends of both stores, beside bare inserts of the same rows: same columns, same transactions, same durability. */
export default async function benchJournal(quick: boolean, full: boolean): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'glovebox-bench-journal-'));
  try {
    const sqlite = await ofSqlite(folder, quick ? 20 : 100);
    const sealing = await sealedBeside(folder, quick ? 20 : 100);
    const postgres = await ofPostgres(quick ? 10 : 40);
    const bareInsertsSqlite = round(Math.min(...Object.values(sqlite).map(({ ratio }) => ratio)), 2);
    const bareInsertsPostgres = round(Math.min(...Object.values(postgres).map(({ ratio }) => ratio)), 2);
    return {
      bench: 'journal',
      machine: machine(),
      figures: { sqlite, sealing, postgres, startUpMs: await startUp(folder, full ? 2 ** 30 : 2 ** 25, quick ? 3 : 7) },
      ratios: { bareInserts: Math.min(bareInsertsSqlite, bareInsertsPostgres), bareInsertsSqlite, bareInsertsPostgres, sealed: sealing.ratio },
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function ofSqlite(folder: string, turns: number) {
  await using journal = new SqliteJournal(join(folder, 'ours.db'));
  await using bare = await bareSqlite(folder);
  return { ordinary: await oneByOne(journal, bare, { turns, durable: false }), durable: await oneByOne(journal, bare, { turns, durable: true }) };
}

async function ofPostgres(turns: number) {
  await using server = await TestPostgres.start({ build: true });
  const url = await server.database();
  await using journal = new PostgresJournal(url);
  await using bare = await barePostgres(url);
  return {
    ordinary: await oneByOne(journal, bare, { turns, durable: false }),
    durable: await oneByOne(journal, bare, { turns, durable: true }),
    together: await together(journal, bare, { turns, durable: true }),
  };
}

/** One append after the other, each waited for. */
async function oneByOne(journal: Journal, bare: BareInserts, { turns, durable }: { turns: number; durable: boolean }) {
  const ours: number[] = [];
  const theirs: number[] = [];
  let events = 0;
  for (let turn = -WARM_UP; turn < turns; turn++) {
    const appended: (readonly JournalEvent[])[] = [];
    for (const batch of Array.from({ length: TURN }, (_, i) => commandEvents(turn * TURN + i)).flat()) {
      const began = performance.now();
      appended.push(await journal.append(`run_${durable}_${turn >> 3}`, batch, { durable }));
      if (turn >= 0) ours.push(performance.now() - began);
    }
    for (const rows of appended.map(asStored)) {
      const began = performance.now();
      await bare.insert(rows, durable);
      if (turn >= 0) theirs.push(performance.now() - began);
    }
    if (turn >= 0) events += appended.flat().length;
  }
  return compare(events, ours, theirs);
}

/** Many appends at once: ours go together as they come; the bare inserts are told which ones belong together, all that came at once. */
async function together(journal: Journal, bare: BareInserts, { turns, durable }: { turns: number; durable: boolean }) {
  const ours: number[] = [];
  const theirs: number[] = [];
  let events = 0;
  for (let turn = -WARM_UP; turn < turns; turn++) {
    const began = performance.now();
    const appended = await Promise.all(Array.from({ length: STREAMS }, (_, i) => Promise.all(commandEvents(turn * STREAMS + i).map((batch) => journal.append(`many_${i}`, batch, { durable })))));
    const between = performance.now();
    const rows = asStored(appended.flat(2));
    const beganBare = performance.now();
    await bare.insert(rows, durable);
    if (turn < 0) continue;
    ours.push(between - began);
    theirs.push(performance.now() - beganBare);
    events += rows.length;
  }
  return compare(events, ours, theirs);
}

/** Rates are of the medians: on a machine with other work the rest says more about that work. */
function compare(events: number, ours: readonly number[], theirs: readonly number[]): { ours: Side; bare: Side; ratio: number } {
  const side = (samples: readonly number[]): Side => {
    const appendMs = percentiles(samples);
    return { eventsPerSecond: Math.round((events / samples.length / appendMs.p50) * 1_000), appendMs };
  };
  const sides = { ours: side(ours), bare: side(theirs) };
  return { ...sides, ratio: round(sides.ours.eventsPerSecond / sides.bare.eventsPerSecond, 2) };
}

/** As they lie in the store: whoever inserts them gets the text. */
function asStored(events: readonly JournalEvent[]): readonly JournalEvent[] {
  return events.map((event) => ({ ...event, data: canonicalJson(event.data) }) as unknown as JournalEvent);
}
