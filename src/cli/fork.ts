import { readFile } from 'node:fs/promises';
import { GloveboxError } from '../contracts/index.ts';
import { attendanceAt } from './attendance.ts';
import { runId } from './run-id.ts';
import type { Place } from './place.ts';
import type { Terminal } from './terminal.ts';
import { type Delivery, workOnRun } from './work-on-run.ts';

export interface ForkOptions extends Delivery {
  readonly at: number;
  readonly model?: string;
  readonly policy?: string;
  readonly prompt?: string;
  readonly promptFile?: string;
  readonly onlyCreate?: boolean;
}

/** `glovebox runs fork`: another way from a step of a run on. */
export async function forkRun(place: Place, terminal: Terminal, id: string, options: ForkOptions, signal: AbortSignal): Promise<number> {
  const attendance = attendanceAt(terminal, place.principal);
  const prompt = await said(options);
  const { at: step, model, policy } = options;
  const parent = runId(id);
  const fork = await place.forks(attendance).fork(parent, { step, ...(model === undefined ? {} : { model }), ...(policy === undefined ? {} : { policy }), ...(prompt === undefined ? {} : { prompt }) });
  terminal.note(`${fork}: from step ${step} of ${parent}`, 'dim');
  if (options.onlyCreate === true) {
    if (options.json === true) await terminal.json({ run: fork, parent, step });
    else await terminal.data(`${fork}\n`);
    return 0;
  }
  return await workOnRun({ journal: place.journal, runs: place.runs(attendance) }, terminal, fork, options, signal);
}

async function said({ prompt, promptFile }: ForkOptions): Promise<string | undefined> {
  if (promptFile === undefined) return prompt;
  if (prompt !== undefined) throw new GloveboxError('usage', '--prompt and --prompt-file exclude each other: choose one');
  try {
    return await readFile(promptFile, 'utf8');
  } catch (error) {
    throw new GloveboxError('usage', `--prompt-file ${promptFile}: the file cannot be read`, { cause: error });
  }
}
