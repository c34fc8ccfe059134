import { cleanOutput, cutMiddle } from '../clean-output.ts';
import type { ToolContext, ToolResult } from '../tool.ts';
import { refused } from '../workspace-file.ts';
import { linesOf, numbered } from './edit-text.ts';

const MAX_CHARS = 32_000;
const MAX_ENTRIES = 1_000;

/** A file's lines with their numbers, all or from one to another. */
export function viewFile(path: string, text: string, range: readonly [number, number] | undefined): ToolResult {
  const lines = linesOf(text);
  if (lines.length === 0) return { ok: true, text: `${path} is empty.` };
  const [first, last] = range === undefined ? [1, lines.length] : [range[0], range[1] === -1 ? lines.length : range[1]];
  if (first < 1 || first > lines.length || last < first) {
    return refused(`view_range [${range?.join(', ')}] does not fit: the file has ${lines.length} lines, counted from 1, and the second number is -1 or not below the first.`);
  }
  return { ok: true, text: cutMiddle(numbered(lines.slice(first - 1, last), first), MAX_CHARS) };
}

/** What lies in a directory and in the directories in it, without hidden ones. */
export async function viewDirectory(path: string, range: readonly [number, number] | undefined, context: ToolContext): Promise<ToolResult> {
  if (range !== undefined) return refused(`${path} is a directory: view_range is for files.`);
  const { files } = context.sandbox;
  const { signal } = context;
  const shown: string[] = [];
  for (const entry of visible(await files.list(path, { signal }))) {
    shown.push(entry.type === 'directory' ? `${entry.path}/` : entry.path);
    if (entry.type !== 'directory' || entry.path === 'node_modules') continue;
    const inside = visible(await files.list(`${path}/${entry.path}`, { signal }));
    shown.push(...inside.map((each) => `${entry.path}/${each.path}${each.type === 'directory' ? '/' : ''}`));
    if (shown.length > MAX_ENTRIES) break;
  }
  const rest = shown.length > MAX_ENTRIES ? '\n[… more; look into the directories one by one …]' : '';
  const names = cleanOutput(shown.slice(0, MAX_ENTRIES).join('\n'));
  return { ok: true, text: `${path} has, two levels deep and without hidden files:\n${names}${rest}` };
}

function visible<T extends { readonly path: string }>(entries: readonly T[]): readonly T[] {
  return entries.filter((entry) => !entry.path.startsWith('.')).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
