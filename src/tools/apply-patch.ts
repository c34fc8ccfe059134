import { z } from 'zod';
import { applyHunks } from './patch/apply-hunks.ts';
import { type FileOperation, parseHunks, parseNewFile, parsePatch, PatchProblem } from './patch/parse-patch.ts';
import type { Tool, ToolContext } from './tool.ts';
import { readTextFile, refused, workspacePath, writeTextFile } from './workspace-file.ts';

const applyPatchInput = z
  .object({
    operation: z
      .object({
        type: z.enum(['create_file', 'update_file', 'delete_file']),
        path: z.string().min(1).describe('absolute, or relative to /workspace'),
        diff: z.string().nullish().describe('create_file: every line with "+" before it. update_file: hunks, each below a line "@@" (a line above it may follow, to find the place)'),
      })
      .nullish()
      .describe('one file'),
    patch: z.string().nullish().describe('several files: "*** Begin Patch", then "*** Add File: p", "*** Update File: p" or "*** Delete File: p" with their lines, then "*** End Patch"'),
  })
  .refine((given) => (given.operation == null) !== (given.patch == null), 'give either "operation" or "patch"');
type ApplyPatchInput = z.output<typeof applyPatchInput>;

/** What is to be written: everything is worked out before anything is touched. */
interface Change {
  readonly path: string;
  /** Undefined: it is removed. */
  readonly text: string | undefined;
  readonly mode: number | undefined;
  readonly said: string;
}

/** Patches in the form that OpenAI's models were taught (V4A). All of a patch is applied, or nothing. */
export const applyPatch: Tool<ApplyPatchInput> = {
  name: 'apply_patch',
  version: '1',
  native: 'patch',
  isForPrograms: true,
  description:
    'Create, change or delete text files by a patch. Lines to be changed are found by their content: copy them exactly; only white space at line ends may differ.',
  input: applyPatchInput,
  async run(input, context) {
    try {
      const planned: Change[] = [];
      for (const operation of operations(input)) planned.push(...(await plan(operation, planned, context)));
      for (const change of planned) await write(change, context);
      return { ok: true, text: planned.map(({ said }) => said).join('\n') };
    } catch (error) {
      if (error instanceof PatchProblem) return refused(`The patch was not applied, no file was changed: ${error.message}`);
      throw error;
    }
  },
};

function operations(input: ApplyPatchInput): readonly FileOperation[] {
  const { operation } = input;
  if (operation == null) return parsePatch(input.patch ?? '');
  const { type, path } = operation;
  const diff = operation.diff ?? '';
  if (type === 'delete_file') return [{ type, path }];
  if (type === 'create_file') return [{ type, path, text: parseNewFile(path, diff) }];
  return [{ type, path, hunks: parseHunks(path, diff) }];
}

async function plan(operation: FileOperation, earlier: readonly Change[], context: ToolContext): Promise<readonly Change[]> {
  const path = workspacePath(operation.path);
  const before = await current(path, earlier, context);
  if (operation.type === 'create_file') {
    if (before !== undefined) throw new PatchProblem(`${path} is there already: use update_file`);
    return [{ path, text: operation.text, mode: undefined, said: `Created ${path}.` }];
  }
  if (before === undefined) throw new PatchProblem(`${path}: there is no such file`);
  if (operation.type === 'delete_file') return [{ path, text: undefined, mode: undefined, said: `Deleted ${path}.` }];
  const text = applyHunks(path, before.text, operation.hunks);
  if (operation.moveTo === undefined) return [{ path, text, mode: before.mode, said: `Changed ${path} (${count(operation.hunks.length)}).` }];
  const target = workspacePath(operation.moveTo);
  if ((await current(target, earlier, context)) !== undefined) throw new PatchProblem(`${target} is there already: ${path} cannot be moved to it`);
  return [
    { path: target, text, mode: before.mode, said: `Moved ${path} to ${target} (${count(operation.hunks.length)}).` },
    { path, text: undefined, mode: undefined, said: `Removed ${path}.` },
  ];
}

/** The file as it will be after the changes that are planned so far. */
async function current(path: string, earlier: readonly Change[], context: ToolContext): Promise<{ text: string; mode: number | undefined } | undefined> {
  const planned = earlier.findLast((change) => change.path === path);
  if (planned === undefined) return readTextFile(path, context);
  return planned.text === undefined ? undefined : { text: planned.text, mode: planned.mode };
}

async function write(change: Change, context: ToolContext): Promise<void> {
  if (change.text === undefined) await context.sandbox.files.remove(change.path, { signal: context.signal });
  else await writeTextFile(change.path, change.text, change.mode, context);
}

function count(hunks: number): string {
  return hunks === 1 ? '1 hunk' : `${hunks} hunks`;
}

