import { open, readFile } from 'node:fs/promises';
import type { AuditReport } from '../contracts/index.ts';
import { describeError, GloveboxError } from '../contracts/index.ts';
import type { Place } from './place.ts';
import type { Terminal } from './terminal.ts';

export interface AuditVerifyCommand {
  readonly journal?: string;
  readonly export?: string;
  readonly key?: readonly string[];
  readonly checkpoint?: readonly string[];
  readonly json?: boolean;
}

export interface AuditExportCommand {
  readonly run?: readonly string[];
  readonly since?: number;
  readonly checkpoint?: readonly string[];
  readonly format: 'jsonl' | 'ocsf';
  readonly output?: string;
}

/** So many findings are said to a person; JSON has all. */
const MOST_SAID = 20;
/** Written at once. */
const PORTION_CHARACTERS = 64 * 1024;

/** `glovebox audit verify`: 0 where all is as it was written, 1 where anything is not. */
export async function verifyAudit(place: Place, terminal: Terminal, options: AuditVerifyCommand): Promise<number> {
  const keys = options.key ?? [];
  const checkpoints = await Promise.all((options.checkpoint ?? []).map(readText));
  const report =
    options.export === undefined
      ? await place.audit.verify({ keys, checkpoints, ...(options.journal !== undefined && { journal: options.journal }) })
      : await place.audit.verifyExport(linesOf(options.export), { keys, checkpoints });
  if (options.json === true) await terminal.json(report);
  else await terminal.data(describe(report));
  return report.findings.length === 0 ? 0 : 1;
}

/** `glovebox audit checkpoint`. */
export async function signCheckpoint(place: Place, terminal: Terminal, options: { json?: boolean }): Promise<number> {
  const checkpoint = await place.audit.checkpoint();
  if (options.json === true) await terminal.json({ checkpoint, key: await place.audit.verifierKey() });
  else await terminal.data(checkpoint);
  return 0;
}

/** `glovebox audit key`. */
export async function showKey(place: Place, terminal: Terminal, { json }: { json?: boolean }): Promise<number> {
  const key = await place.audit.verifierKey();
  await terminal.data(json === true ? `${JSON.stringify({ key })}\n` : `${key}\n`);
  return 0;
}

/** `glovebox audit export`. A file that was begun and not ended says so by its missing last line. */
export async function exportAudit(place: Place, terminal: Terminal, { run, since, checkpoint, format, output }: AuditExportCommand): Promise<number> {
  const checkpoints = await Promise.all((checkpoint ?? []).map(readText));
  const lines = place.audit.export({ format, checkpoints, ...(run !== undefined && { streams: run }), ...(since !== undefined && { sinceMs: since }) });
  if (output === undefined) {
    for await (const portion of portions(lines)) await terminal.data(portion);
    return 0;
  }
  const file = await open(output, 'wx', 0o600).catch((error: unknown) => {
    throw new GloveboxError('usage', `${output} cannot be written: ${describeError(error)}`, { cause: error });
  });
  try {
    for await (const portion of portions(lines)) await file.writeFile(portion);
    await file.sync();
  } finally {
    await file.close();
  }
  terminal.note(`written to ${output}`);
  return 0;
}

function describe({ findings, streams, events, entries, checkpoints, newest, unsigned }: AuditReport): string {
  const read = `${count(events, 'event')} in ${count(streams, 'stream')}, ${count(entries, 'entry', 'entries')} of the log, ${count(checkpoints, 'checkpoint')}`;
  if (findings.length > 0) {
    const more = findings.length > MOST_SAID ? `and ${findings.length - MOST_SAID} more: --json has them all\n` : '';
    return `ALTERED: ${count(findings.length, 'finding')} in ${read}\n${findings
      .slice(0, MOST_SAID)
      .map(({ text }) => `- ${text}\n`)
      .join('')}${more}`;
  }
  const signed = newest === undefined ? 'nothing of it is signed yet: `glovebox audit checkpoint`' : `signed up to ${new Date(newest.timeMs).toISOString()}`;
  const chained = newest === undefined || unsigned === 0 ? '' : `; for ${count(unsigned, 'event')} since then the chain alone speaks`;
  return `as it was written: ${read}\n${signed}${chained}\n`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

async function* portions(lines: AsyncIterable<string>): AsyncIterable<string> {
  let portion = '';
  for await (const line of lines) {
    portion += `${line}\n`;
    if (portion.length < PORTION_CHARACTERS) continue;
    yield portion;
    portion = '';
  }
  if (portion !== '') yield portion;
}

async function* linesOf(path: string): AsyncIterable<string> {
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    yield* file.readLines();
  } finally {
    await file.close();
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): GloveboxError {
  return new GloveboxError('usage', `${path} cannot be read: ${describeError(error)}`, { cause: error });
}
