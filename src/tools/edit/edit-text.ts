/** What came of an edit: the new text and the lines (from 1) that are new in it, or why it was not made. */
export type Edited = { readonly text: string; readonly firstLine: number; readonly lastLine: number } | { readonly problem: string };

/** Replaces the one place where `before` stands. A file with CRLF line ends is searched, and keeps, as such. */
export function replaceOnce(text: string, before: string, after: string): Edited {
  const [sought, put] = withLineEndsOf(text, before, after);
  const at = text.indexOf(sought);
  if (at === -1) return { problem: `old_str was not found, so nothing was changed.${hintFor(text, before)}` };
  const again = text.indexOf(sought, at + 1);
  if (again !== -1) {
    const lines = places(text, sought).map((place) => lineOf(text, place));
    return { problem: `old_str was found ${lines.length} times (lines ${lines.join(', ')}), so nothing was changed. Add lines around it until it occurs once.` };
  }
  const firstLine = lineOf(text, at);
  return {
    text: text.slice(0, at) + put + text.slice(at + sought.length),
    firstLine,
    lastLine: firstLine + put.split('\n').length - 1,
  };
}

/** Inserts whole lines after line `after` (0: at the beginning). */
export function insertAfter(text: string, after: number, inserted: string): Edited {
  const lines = linesOf(text);
  if (after > lines.length) return { problem: `insert_line is ${after}, but the file has ${lines.length} lines.` };
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const added = inserted.replaceAll('\r\n', '\n').replace(/\n$/, '').split('\n');
  const all = [...lines.slice(0, after), ...added, ...lines.slice(after)];
  // A file that had no newline at its end gets one only where lines were added behind it.
  const closed = text === '' || text.endsWith('\n') || after === lines.length;
  return { text: all.join(end) + (closed ? end : ''), firstLine: after + 1, lastLine: after + added.length };
}

/** Lines without their ends; a newline at the end of the text begins no line. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Lines with their numbers, as `cat -n` has them. */
export function numbered(lines: readonly string[], firstLine: number): string {
  return lines.map((line, index) => `${String(firstLine + index).padStart(6)}\t${line}`).join('\n');
}

function withLineEndsOf(text: string, before: string, after: string): [string, string] {
  if (text.includes(before) || !text.includes('\r\n')) return [before, after];
  const crlf = (part: string): string => part.replaceAll(/\r?\n/g, '\r\n');
  return [crlf(before), crlf(after)];
}

function places(text: string, sought: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(sought); at !== -1 && found.length < 20; at = text.indexOf(sought, at + 1)) found.push(at);
  return found;
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

/** Where the sought text would be but for its white space: the usual reason. */
function hintFor(text: string, sought: string): string {
  const [first = ''] = sought.split('\n').filter((line) => line.trim() !== '');
  const near = linesOf(text).findIndex((line) => line.trim() === first.trim());
  return first.trim() === '' || near === -1
    ? ' Look at the file with view and copy the text exactly.'
    : ` Line ${near + 1} is like its first line but for white space or what follows: copy the text exactly as it stands there.`;
}
