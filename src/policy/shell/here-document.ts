/** A document that starts at the next line. */
export interface HereDocument {
  readonly delimiter: string;
  /** With a quoted delimiter the shell expands nothing in it. */
  readonly quoted: boolean;
  readonly stripTabs: boolean;
}

export function readHereDocument(text: string, from: number, wanted: HereDocument): { body: string; end: number } {
  let lineStart = from;
  while (lineStart < text.length) {
    const newline = text.indexOf('\n', lineStart);
    const lineEnd = newline === -1 ? text.length : newline;
    const line = text.slice(lineStart, lineEnd);
    const next = Math.min(lineEnd + 1, text.length);
    if ((wanted.stripTabs ? line.replace(/^\t+/, '') : line) === wanted.delimiter) return { body: text.slice(from, lineStart), end: next };
    lineStart = next;
  }
  return { body: text.slice(from), end: text.length };
}
