import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { describeError, GloveboxError, WORKSPACE } from '../../../contracts/index.ts';
import { JsoncDocument, type Problem } from './document.ts';
import { asksForNothing, KEYS } from './keys.ts';
import { foreignVariable } from './variables.ts';

/** What a devcontainer.json asks for, as far as a sandbox can give it. */
export interface Devcontainer {
  readonly from: { readonly image: string } | DevcontainerBuild;
  /** The container's own environment, and on top of it that of commands; `${containerEnv:…}` is still in them. */
  readonly containerEnv: Readonly<Record<string, string>>;
  readonly remoteEnv: Readonly<Record<string, string>>;
  /** Each thing that has no effect here, and why. */
  readonly notes: readonly string[];
}

/** Absolute paths. */
export interface DevcontainerBuild {
  readonly dockerfile: string;
  readonly context: string;
  readonly args: Readonly<Record<string, string>>;
  readonly target?: string;
}

/** Far above any that a person writes. */
const MAX_BYTES = 256 * 1024;

const literal = z.string().refine((text) => !text.includes('\0'), 'a text without NUL');
const environment = z.record(z.string().regex(/^[^=\0]+$/), literal).optional();

/** The keys that are used; the table of keys has judged all others. */
const shape = z.object({
  image: z.string().min(1).optional(),
  build: z
    .object({
      dockerfile: literal.min(1),
      context: literal.min(1).default('.'),
      args: z.record(z.string().min(1), literal).default({}),
      target: z.string().min(1).optional(),
    })
    .optional(),
  containerEnv: environment,
  remoteEnv: environment,
  workspaceFolder: z.string().optional(),
  overrideCommand: z.boolean().optional(),
});

/** Reads a devcontainer.json. Errors: `usage` where it cannot be read; `config_invalid` with file, line and column of each thing that is wrong or cannot be honoured. */
export async function readDevcontainer(path: string): Promise<Devcontainer> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new GloveboxError('usage', `${path} cannot be read: ${describeError(cause)}`, { cause });
  });
  if (bytes.length > MAX_BYTES) throw new GloveboxError('usage', `${path} has more than ${MAX_BYTES / 1024} KiB`);
  return parseDevcontainer(path, bytes.toString('utf8'));
}

/** The same, of a text. */
export function parseDevcontainer(path: string, text: string): Devcontainer {
  const document = new JsoncDocument(path, text);
  const parsed = shape.safeParse(document.value);
  const notes: string[] = [];
  const problems = isObject(document.value) ? judgeKeys(document, document.value, notes) : [];
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => document.problem(issue.path.map(String), issue.message)));
    throw document.invalid(problems);
  }
  problems.push(...judgeValues(document, parsed.data));
  if (problems.length > 0) throw document.invalid(problems);
  const { build, image, containerEnv = {}, remoteEnv = {} } = parsed.data;
  const folder = dirname(path);
  const from =
    build === undefined
      ? { image: image ?? '' } // `judgeValues` has seen to it that there is one
      : { dockerfile: resolve(folder, build.dockerfile), context: resolve(folder, build.context), args: build.args, ...(build.target === undefined ? {} : { target: build.target }) };
  return { from, containerEnv, remoteEnv, notes };
}

/** Goes by the table of keys; what has no effect becomes a note. */
function judgeKeys(document: JsoncDocument, value: Readonly<Record<string, unknown>>, notes: string[], within: readonly string[] = []): Problem[] {
  return Object.entries(value).flatMap(([key, member]) => {
    const path = [...within, key];
    const rule = KEYS.get(path.join('.'));
    if (rule === undefined) return [document.problem(path, 'is not a key of devcontainer.json that glovebox knows')];
    if (rule === 'used') return key === 'build' && isObject(member) ? judgeKeys(document, member, notes, path) : [];
    if (asksForNothing(member)) return [];
    if ('refused' in rule) return [document.problem(path, `cannot be honoured: ${rule.refused}`)];
    notes.push(`${path.join('.')} has no effect: ${rule.ignored}`);
    return [];
  });
}

function judgeValues(document: JsoncDocument, file: z.output<typeof shape>): Problem[] {
  const problems: Problem[] = [];
  if ((file.image === undefined) === (file.build === undefined)) problems.push(document.problem([], 'needs either `image` or `build`'));
  if (file.workspaceFolder !== undefined && file.workspaceFolder.replace(/(?<=.)\/$/, '') !== WORKSPACE) {
    problems.push(document.problem(['workspaceFolder'], `cannot be honoured: in every sandbox the repository is in ${WORKSPACE}`));
  }
  if (file.overrideCommand === false) problems.push(document.problem(['overrideCommand'], 'cannot be honoured: the first process of a sandbox is glovebox-init, and the image\'s own command is never started'));
  const { dockerfile, context, target, args = {} } = file.build ?? {};
  const texts: [string[], string | undefined][] = [
    [['image'], file.image],
    [['build', 'dockerfile'], dockerfile],
    [['build', 'context'], context],
    [['build', 'target'], target],
    ...Object.entries(args).map(([name, text]): [string[], string] => [['build', 'args', name], text]),
  ];
  for (const [path, text] of texts) if (text?.includes('${') === true) problems.push(document.problem(path, 'only literal values can be used here'));
  for (const key of ['containerEnv', 'remoteEnv'] as const) {
    for (const [name, text] of Object.entries(file[key] ?? {})) {
      const foreign = foreignVariable(text);
      if (foreign !== undefined) problems.push(document.problem([key, name], `${foreign} cannot be honoured: nothing of the host's environment or folders goes into a sandbox`));
    }
  }
  return problems;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
