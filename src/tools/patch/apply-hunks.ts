import { linesOf } from '../edit/edit-text.ts';
import { type Hunk, PatchProblem } from './parse-patch.ts';

/** The text with the hunks applied in order, each below the one before it. What surrounds them stays byte for byte. */
export function applyHunks(path: string, text: string, hunks: readonly Hunk[]): string {
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = linesOf(text);
  const out: string[] = [];
  let from = 0;
  for (const hunk of hunks) {
    const at = place(path, lines, hunk, from);
    out.push(...lines.slice(from, at));
    from = at;
    for (const { mark, text: line } of hunk.lines) {
      // A line that stays is the file's own, white space at its end included.
      if (mark !== '-') out.push(mark === '+' ? line : (lines[from] ?? line));
      if (mark !== '+') from++;
    }
  }
  out.push(...lines.slice(from));
  if (out.length === 0) return '';
  const closed = text === '' || text.endsWith('\n');
  return out.join(end) + (closed ? end : '');
}

/** Index of the line where the hunk begins. */
function place(path: string, lines: readonly string[], hunk: Hunk, from: number): number {
  const start = hunk.anchors.reduce((after, anchor) => below(path, lines, hunk, anchor, after), from);
  const before = hunk.lines.filter(({ mark }) => mark !== '+').map(({ text }) => text);
  // Nothing to find: new lines below the anchor, or at the end of the file.
  if (before.length === 0) return hunk.anchors.length > 0 && !hunk.atEnd ? start : lines.length;
  for (const alike of [exactly, butForLineEnds]) {
    const found = candidates(lines, before, start, alike).filter((at) => !hunk.atEnd || at + before.length === lines.length);
    const [first] = found;
    if (first === undefined) continue;
    if (found.length > 1 && hunk.anchors.length === 0) {
      throw new PatchProblem(`${named(path, hunk)} fits in ${found.length} places (lines ${found.slice(0, 5).map((at) => at + 1).join(', ')}): add lines of context, or "@@ " and a line above it`);
    }
    return first;
  }
  throw new PatchProblem(`${named(path, hunk)} does not fit: these lines do not stand in the file${start > 0 ? ` below line ${start}` : ''}:\n${before.join('\n')}${nearMiss(lines, before)}`);
}

function below(path: string, lines: readonly string[], hunk: Hunk, anchor: string, from: number): number {
  const at = lines.findIndex((line, index) => index >= from && line.trim() === anchor);
  const near = at === -1 ? lines.findIndex((line, index) => index >= from && line.trim().startsWith(anchor)) : at;
  if (near === -1) throw new PatchProblem(`${named(path, hunk)} does not fit: there is no line ${JSON.stringify(anchor)}${from > 0 ? ` below line ${from}` : ''}`);
  return near + 1;
}

type Alike = (a: string, b: string) => boolean;
const exactly: Alike = (a, b) => a === b;
const butForLineEnds: Alike = (a, b) => a.trimEnd() === b.trimEnd();

function candidates(lines: readonly string[], sought: readonly string[], from: number, alike: Alike): number[] {
  const found: number[] = [];
  for (let at = from; at + sought.length <= lines.length; at++) {
    if (sought.every((line, index) => alike(lines[at + index] ?? '', line))) found.push(at);
  }
  return found;
}

function nearMiss(lines: readonly string[], sought: readonly string[]): string {
  const first = sought.find((line) => line.trim() !== '')?.trim();
  const at = first === undefined ? -1 : lines.findIndex((line) => line.trim() === first);
  return at === -1 ? '' : `\n(line ${at + 1} is like the first of them; look at what really follows it)`;
}

function named(path: string, hunk: Hunk): string {
  return `${path}, hunk ${hunk.number}`;
}
