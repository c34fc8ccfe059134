import { open, readFile, stat } from 'node:fs/promises';
import { describeError, GloveboxError } from '../contracts/index.ts';
import type { ExportFormat } from '../runs/index.ts';
import { runId } from './run-id.ts';
import type { Place } from './place.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

/** What is read of a file that somebody gave us: more is no trajectory that could be imported. */
const MAX_FILE_BYTES = 64 * 2 ** 20;

export interface ExportOptions {
  readonly format: ExportFormat;
  readonly output?: string;
}

export interface ImportOptions {
  readonly repo?: string;
  readonly policy: string;
  readonly image?: string;
  readonly json?: boolean;
}

/** `glovebox runs export`. */
export async function exportRun(place: Place, terminal: Terminal, id: string, { format, output }: ExportOptions, signal: AbortSignal): Promise<number> {
  const text = `${JSON.stringify(await place.trajectories().export(runId(id), format, place.version, signal))}\n`;
  if (output === undefined) await terminal.data(text);
  else {
    await writeNew(output, text);
    terminal.note(`written to ${output}`, 'dim');
  }
  return 0;
}

/** `glovebox runs import`. */
export async function importRun(services: Services, terminal: Terminal, file: string, options: ImportOptions, signal: AbortSignal): Promise<number> {
  const bytes = await readBounded(file);
  const { repo: repository, policy, image } = options;
  const imported = await services.trajectories().import({ bytes, policy, ...(repository === undefined ? {} : { repository }), ...(image === undefined ? {} : { image }) }, { signal, onNote: (note) => terminal.note(note, 'dim') });
  if (options.json === true) await terminal.json(imported);
  else {
    for (const note of imported.notes) terminal.note(note, 'dim');
    for (const [name, count] of Object.entries(imported.unmapped)) terminal.note(`${count} calls of ${name}: there is no such tool here, so a replay does not run them`, 'yellow');
    await terminal.data(`${imported.run}\n`);
  }
  return 0;
}

/** A file that is there stays as it is. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await using file = await open(path, 'wx');
    await file.writeFile(text);
  } catch (error) {
    throw new GloveboxError('usage', `${path} cannot be written: ${describeError(error)}`, { cause: error });
  }
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size <= MAX_FILE_BYTES) return await readFile(path);
  } catch (error) {
    throw new GloveboxError('usage', `${path} cannot be read: ${describeError(error)}`, { cause: error });
  }
  throw new GloveboxError('usage', `${path} is larger than ${MAX_FILE_BYTES} bytes, and no trajectory of that size is read`);
}
