import type { Tool, ToolContext, ToolResult } from '../tool.ts';
import { orMissing, readTextFile, refused, workspacePath, writeTextFile } from '../workspace-file.ts';
import { type EditInput, editInput } from './edit-input.ts';
import { type Edited, insertAfter, linesOf, numbered, replaceOnce } from './edit-text.ts';
import { viewDirectory, viewFile } from './view.ts';

/** Lines shown around a change. */
const AROUND = 4;

/** A file editor with the commands of Anthropic's text_editor_20250728. */
export const edit: Tool<EditInput> = {
  name: 'edit',
  version: '1',
  native: 'edit',
  isForPrograms: true,
  description:
    'View, create and edit text files. Paths are absolute or relative to /workspace. ' +
    'str_replace replaces old_str, which must occur exactly once, by new_str. insert puts insert_text after line insert_line.',
  input: editInput,
  /** What runs in the sandbox may write the same file: then what was put there is not what the model believes. */
  async after(input, _result, context) {
    if (input.command === 'view') return undefined;
    const path = workspacePath(input.path);
    const file = await readTextFile(path, context);
    return file !== undefined && plain(file.text).includes(plain(putBy(input))) ? undefined : `${path} does not hold this any more: something else wrote it. Look at it before you go on.`;
  },
  async run(input, context) {
    const path = workspacePath(input.path);
    switch (input.command) {
      case 'view':
        return view(path, input.view_range, context);
      case 'create':
        return create(path, input.file_text, context);
      case 'str_replace':
        return change(path, context, (text) => replaceOnce(text, input.old_str, input.new_str));
      case 'insert':
        return change(path, context, (text) => insertAfter(text, input.insert_line, input.insert_text));
    }
  },
};

function putBy(input: Exclude<EditInput, { command: 'view' }>): string {
  switch (input.command) {
    case 'create':
      return input.file_text;
    case 'str_replace':
      return input.new_str;
    case 'insert':
      return input.insert_text;
  }
}

/** Line ends are the file's. */
function plain(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(/\n$/, '');
}

async function view(path: string, range: readonly [number, number] | undefined, context: ToolContext): Promise<ToolResult> {
  const entry = await orMissing(context.sandbox.files.stat(path, { signal: context.signal }));
  if (entry?.type === 'directory') return viewDirectory(path, range, context);
  const file = await readTextFile(path, context);
  return file === undefined ? missing(path) : viewFile(path, file.text, range);
}

async function create(path: string, text: string, context: ToolContext): Promise<ToolResult> {
  const before = await readTextFile(path, context);
  await writeTextFile(path, text, before?.mode, context);
  return { ok: true, text: `${before === undefined ? 'Created' : 'Overwrote'} ${path} (${linesOf(text).length} lines).` };
}

async function change(path: string, context: ToolContext, make: (text: string) => Edited): Promise<ToolResult> {
  const file = await readTextFile(path, context);
  if (file === undefined) return missing(path);
  const edited = make(file.text);
  if ('problem' in edited) return refused(`${path}: ${edited.problem}`);
  await writeTextFile(path, edited.text, file.mode, context);
  const lines = linesOf(edited.text);
  const from = Math.max(1, edited.firstLine - AROUND);
  const to = Math.min(lines.length, edited.lastLine + AROUND);
  return { ok: true, text: `Edited ${path}. Lines ${from} to ${to} are now:\n${numbered(lines.slice(from - 1, to), from)}` };
}

function missing(path: string): ToolResult {
  return refused(`${path}: there is no such file. Look with view on its directory, or make it with create.`);
}
