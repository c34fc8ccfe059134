import { readFile } from 'node:fs/promises';
import { GloveboxError } from '../contracts/index.ts';
import type { RunInput } from '../runs/index.ts';
import { attendanceAt } from './attendance.ts';
import type { Place } from './place.ts';
import type { Terminal } from './terminal.ts';
import { type Delivery, workOnRun } from './work-on-run.ts';

export interface FixOptions extends Delivery {
  readonly repo: string;
  readonly task: string;
  readonly model?: string;
  readonly fallback?: readonly string[];
  readonly policy: string;
  readonly image?: string;
  readonly test?: string;
  readonly maxUsd?: number;
  readonly maxSteps?: number;
  readonly timeout?: number;
  readonly keepIgnored?: boolean;
  readonly priority?: number;
  readonly notBefore?: number;
  readonly deadline?: number;
  readonly key?: string;
  /** A worker does it. */
  readonly detach?: boolean;
}

/** `glovebox fix`: a repository goes in, a tested patch comes out. */
export async function fix(place: Place, terminal: Terminal, options: FixOptions, signal: AbortSignal): Promise<number> {
  if ([options.apply === true, options.branch !== undefined, options.push !== undefined, options.patch !== undefined].filter(Boolean).length > 1) {
    throw new GloveboxError('usage', '--apply, --branch, --push and --patch exclude each other: choose one');
  }
  if (!place.isHere && (options.apply === true || options.branch !== undefined || options.push !== undefined)) throw new GloveboxError('usage', 'a server has no working tree of yours: --patch <file> writes here what came of it');
  const { detach = false, notBefore: notBeforeMs, key } = options;
  if (!detach && notBeforeMs !== undefined) throw new GloveboxError('usage', '--not-before is for a run that waits for a worker: give --detach too');
  const runs = place.runs(attendanceAt(terminal, place.principal));
  const id = await runs.create(await inputOf(place, terminal, options, signal), {
    signal,
    onNote: (note) => terminal.note(note, 'dim'),
    ...(key === undefined ? {} : { key }),
    ...(detach ? { queue: notBeforeMs === undefined ? {} : { notBeforeMs } } : {}),
  });
  if (!detach) return await workOnRun({ journal: place.journal, runs }, terminal, id, options, signal);
  if (options.json === true) await terminal.json({ run: id });
  else await terminal.data(`${id}\n`);
  terminal.note(`it waits for a worker (glovebox worker): glovebox runs watch ${id}`, 'dim');
  return 0;
}

async function inputOf(place: Place, terminal: Terminal, options: FixOptions, signal: AbortSignal): Promise<RunInput> {
  const { image, fallback, test: testCommand, maxUsd, maxSteps, timeout: timeoutMs, deadline: deadlineMs, priority, keepIgnored } = options;
  return {
    task: await taskText(options.task),
    repository: options.repo,
    model: options.model ?? modelFromEnvironment(place.env),
    ...(fallback === undefined ? {} : { fallback }),
    policy: options.policy,
    // Without --image, what lies in the repository says which of ours it is.
    ...(image === undefined ? {} : await place.runImage(terminal, image, options.policy, signal)),
    ...(testCommand === undefined ? {} : { testCommand }),
    ...(maxUsd === undefined ? {} : { maxUsd }),
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(keepIgnored === undefined ? {} : { keepIgnored }),
    ...(priority === undefined ? {} : { priority }),
  };
}

/** The text itself, or with `@` the file that holds it. */
async function taskText(task: string): Promise<string> {
  if (!task.startsWith('@')) return task;
  try {
    return await readFile(task.slice(1), 'utf8');
  } catch (error) {
    throw new GloveboxError('usage', `--task ${task}: the file cannot be read; without @ the text itself is the task`, { cause: error });
  }
}

/** What to use where no model is named: what the environment gives access to. Undefined without a key or a base URL. */
export function availableModel(env: Place['env']): string | undefined {
  const has = (name: string): boolean => (env[name] ?? '') !== '';
  if (has('GLOVEBOX_MODEL')) return env['GLOVEBOX_MODEL'];
  if (has('ANTHROPIC_API_KEY') || has('ANTHROPIC_BASE_URL')) return 'anthropic:claude-sonnet-5-5';
  if (has('OPENAI_BASE_URL')) return 'openai-chat:default';
  if (has('OPENAI_API_KEY')) return 'openai:gpt-6-sol';
  return undefined;
}

function modelFromEnvironment(env: Place['env']): string {
  const model = availableModel(env);
  if (model !== undefined) return model;
  throw new GloveboxError(
    'model_key_missing',
    'no model: give --model (anthropic:<model>, openai:<model>, openai-chat:<model> or transcript:<file>) and set ANTHROPIC_API_KEY or OPENAI_API_KEY, or a base URL',
  );
}
