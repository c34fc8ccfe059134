import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openServices } from '../src/app.ts';
import { commandEvents } from './journal.contenders.ts';
import { type Percentiles, percentiles } from './report.ts';

const BIN = fileURLToPath(new URL('../bin/glovebox.js', import.meta.url));
/** A run has so many commands. */
const COMMANDS = 400;

/** How long `glovebox runs list` takes from its start to its end, with an empty journal, and with one of about `bytes`. */
export async function startUp(folder: string, bytes: number, samples: number): Promise<Record<string, unknown>> {
  const homes = { empty: join(folder, 'empty'), filled: join(folder, 'filled') };
  for (const home of Object.values(homes)) await mkdir(home);
  const journalBytes = await fill(homes.filled, bytes);
  // What was written is on the disk: a machine that is at that is slow for everybody.
  execFileSync('sync');
  const taken: Record<string, Percentiles> = {};
  for (const [name, home] of Object.entries(homes)) {
    const times: number[] = [];
    for (let i = -1; i < samples; i++) {
      const tookMs = await listRuns(home);
      if (i >= 0) times.push(tookMs);
    }
    taken[name] = percentiles(times);
  }
  await rm(homes.filled, { recursive: true });
  return { journalBytes, runsList: taken };
}

/** As a run writes it: looked through for secrets, and sealed. Gives the file's size. */
async function fill(home: string, bytes: number): Promise<number> {
  const file = join(home, 'journal.db');
  await using services = await openServices({ env: { ...process.env, GLOVEBOX_HOME: home }, version: 'bench' });
  const { journal } = services;
  const events = Array.from({ length: COMMANDS }, (_, n) => commandEvents(n)).flat(2);
  const created = { type: 'run.created', data: { task: 'make the tests pass', repository: '/nowhere', baseTree: '0'.repeat(40), options: {} } } as const;
  const ended = { type: 'run.ended', data: { outcome: 'fixed', detail: 'the tests pass', files: [], steps: 1, commands: COMMANDS, denials: 0, tokens: 1, usd: 1, wallMs: 1 } } as const;
  for (let run = 0, size = 0; size < bytes; run++) {
    // One in ten was interrupted.
    await journal.append(`run_${String(run).padStart(26, '0')}`, [created, ...events, ...(run % 10 === 0 ? [] : [ended])]);
    if (run % 20 === 19) ({ size } = await stat(file));
  }
  return (await stat(file)).size;
}

async function listRuns(home: string): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, [BIN, 'runs', 'list'], { env: { ...process.env, GLOVEBOX_HOME: home }, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`\`glovebox runs list\` ended with ${code}`);
  return performance.now() - began;
}
