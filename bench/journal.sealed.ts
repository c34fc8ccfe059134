import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { MasterEnvelopes, MasterKeys } from '../src/broker/index.ts';
import { type Journal, systemClock } from '../src/contracts/index.ts';
import { SqliteJournal } from '../src/journal/index.ts';
import { KeyFolder } from '../src/journal/seal/key-folder.ts';
import { PayloadKeys } from '../src/journal/seal/payload-keys.ts';
import { SealedJournal } from '../src/journal/seal/sealed-journal.ts';
import { commandEvents } from './journal.contenders.ts';
import { type Percentiles, percentiles, round } from './report.ts';

/** Commands that are appended, and then read, before it is the other one's turn. */
const TURN = 25;
const WARM_UP = 12;

interface Side {
  readonly appendMs: Percentiles;
  /** Of all events of a turn. */
  readonly readMs: Percentiles;
}

/** What it costs that payloads are sealed: the same events into two journals in SQLite, one of which seals. */
export async function sealedBeside(folder: string, turns: number): Promise<{ sealed: Side; unsealed: Side; ratio: number; readRatio: number }> {
  const envelopes = new MasterEnvelopes(new MasterKeys({ env: { GLOVEBOX_MASTER_KEY: randomBytes(32).toString('base64') }, stateDir: folder }));
  await using keys = new PayloadKeys({ store: new KeyFolder(join(folder, 'keys')), envelopes, clock: systemClock });
  await using sealing = new SealedJournal(new SqliteJournal(join(folder, 'sealed.db')), keys);
  await using plain = new SqliteJournal(join(folder, 'plain.db'));
  const samples = { sealed: { append: [] as number[], read: [] as number[] }, unsealed: { append: [] as number[], read: [] as number[] } };
  for (let turn = -WARM_UP; turn < turns; turn++) {
    const [one, other] = turn % 2 === 0 ? (['sealed', 'unsealed'] as const) : (['unsealed', 'sealed'] as const);
    for (const side of [one, other]) {
      const took = await takeTurn(side === 'sealed' ? sealing : plain, turn);
      if (turn < 0) continue;
      samples[side].append.push(...took.append);
      samples[side].read.push(took.read);
    }
  }
  const of = (side: 'sealed' | 'unsealed'): Side => ({ appendMs: percentiles(samples[side].append), readMs: percentiles(samples[side].read) });
  const [sealed, unsealed] = [of('sealed'), of('unsealed')];
  return { sealed, unsealed, ratio: round(unsealed.appendMs.p50 / sealed.appendMs.p50, 2), readRatio: round(unsealed.readMs.p50 / sealed.readMs.p50, 2) };
}

async function takeTurn(journal: Journal, turn: number): Promise<{ readonly append: readonly number[]; readonly read: number }> {
  const stream = `run_${turn + WARM_UP}`;
  const append: number[] = [];
  for (const batch of Array.from({ length: TURN }, (_, i) => commandEvents(turn * TURN + i)).flat()) {
    const began = performance.now();
    await journal.append(stream, batch, { tenant: 'local' });
    append.push(performance.now() - began);
  }
  const began = performance.now();
  await journal.read(stream);
  return { append, read: performance.now() - began };
}
