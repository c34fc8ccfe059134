import { readFile } from 'node:fs/promises';
import { GloveboxError, type RunId } from '../contracts/index.ts';
import { Progress } from './progress.ts';
import { runId } from './run-id.ts';
import type { Place } from './place.ts';
import type { Terminal } from './terminal.ts';
import { exitCode } from './work-on-run.ts';

export interface SteerOptions {
  readonly json?: boolean;
}

/** `glovebox runs say`. */
export async function sayToRun(place: Place, terminal: Terminal, text: string, words: string, options: SteerOptions & { readonly interrupt?: boolean }): Promise<number> {
  const id = runId(text);
  const said = words.startsWith('@') ? await readFile(words.slice(1), 'utf8').catch((error: unknown) => unreadable(words, error)) : words;
  await place.runs().steer.say(id, said, { interrupt: options.interrupt === true });
  return await done(terminal, id, options, options.interrupt === true ? 'what it does now is cut short, and it is told' : 'it is told before its next step');
}

/** `glovebox runs pause`. */
export async function pauseRun(place: Place, terminal: Terminal, text: string, options: SteerOptions): Promise<number> {
  const id = runId(text);
  await place.runs().steer.pause(id);
  return await done(terminal, id, options, `it stands still after its present step: glovebox runs resume ${id}`);
}

/** `glovebox runs cancel`. */
export async function cancelRun(place: Place, terminal: Terminal, text: string, options: SteerOptions & { readonly why?: string }): Promise<number> {
  const id = runId(text);
  const summary = await place.runs().steer.cancel(id, options.why);
  return await done(terminal, id, options, summary?.detail ?? 'whoever works at it ends it');
}

/** `glovebox runs watch`: what happened and what happens, to its end. Its exit code is that of `fix`. */
export async function watchRun(place: Place, terminal: Terminal, text: string, options: SteerOptions, signal: AbortSignal): Promise<number> {
  const id = runId(text);
  const runs = place.runs();
  await runs.show(id);
  const progress = new Progress(terminal);
  for await (const event of runs.follow(id, { signal })) {
    if (options.json === true) await terminal.json(event);
    else progress.show(event);
    if (event.type !== 'run.ended') continue;
    terminal.note(`${event.data.outcome}: ${event.data.detail}`);
    return exitCode(event.data);
  }
  throw new GloveboxError('cancelled', 'nobody watches any more; the run goes on');
}

async function done(terminal: Terminal, id: RunId, { json }: SteerOptions, text: string): Promise<number> {
  if (json === true) await terminal.json({ run: id, done: text });
  else terminal.note(`${id}: ${text}`);
  return 0;
}

function unreadable(words: string, cause: unknown): never {
  throw new GloveboxError('usage', `${words}: the file cannot be read; without @ the text itself is said`, { cause });
}
