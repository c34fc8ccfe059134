/** A line of a hunk: it stays, goes, or comes. */
export interface HunkLine {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/** One place in a file: lines that stand there, and what becomes of them. */
export interface Hunk {
  /** From 1, as errors name it. */
  readonly number: number;
  /** Lines after `@@`, outermost first: the hunk is below each of them. */
  readonly anchors: readonly string[];
  readonly lines: readonly HunkLine[];
  /** The hunk ends where the file ends. */
  readonly atEnd: boolean;
}

export type FileOperation =
  | { readonly type: 'create_file'; readonly path: string; readonly text: string }
  | { readonly type: 'update_file'; readonly path: string; readonly moveTo?: string; readonly hunks: readonly Hunk[] }
  | { readonly type: 'delete_file'; readonly path: string };

/** The patch is not written as one. The message is for the model. */
export class PatchProblem extends Error {}

const BEGIN = '*** Begin Patch';
const END = '*** End Patch';
const END_OF_FILE = '*** End of File';
const FILE = /^\*\*\* (Add|Update|Delete) File: (.+)$/;
const MOVE = /^\*\*\* Move to: (.+)$/;
/** A hunk's head of a unified diff; its numbers are not believed. */
const UNIFIED = /^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@ ?(.*)$/;

/** A text of several files, from `*** Begin Patch` to `*** End Patch`. */
export function parsePatch(text: string): readonly FileOperation[] {
  const lines = trimOuter(text.replaceAll('\r\n', '\n').split('\n'));
  if (lines[0]?.trim() !== BEGIN) throw new PatchProblem(`the first line must be "${BEGIN}"`);
  if (lines.at(-1)?.trim() !== END) throw new PatchProblem(`the last line must be "${END}"`);
  const operations: FileOperation[] = [];
  let at = 1;
  while (at < lines.length - 1) {
    const head = FILE.exec(lines[at] ?? '');
    if (head === null) throw new PatchProblem(`line ${at + 1}: expected "*** Add File: ", "*** Update File: " or "*** Delete File: " and a path, found ${JSON.stringify(lines[at])}`);
    let end = at + 1;
    while (end < lines.length - 1 && !FILE.test(lines[end] ?? '')) end++;
    operations.push(section(head[1] ?? '', (head[2] ?? '').trim(), lines.slice(at + 1, end)));
    at = end;
  }
  if (operations.length === 0) throw new PatchProblem('it names no file');
  return operations;
}

function section(kind: string, path: string, body: readonly string[]): FileOperation {
  if (kind === 'Delete') return { type: 'delete_file', path };
  if (kind === 'Add') return { type: 'create_file', path, text: parseNewFile(path, body.join('\n')) };
  const move = MOVE.exec(body[0] ?? '')?.[1]?.trim();
  const hunks = parseHunks(path, (move === undefined ? body : body.slice(1)).join('\n'), move !== undefined);
  return { type: 'update_file', path, hunks, ...(move === undefined ? {} : { moveTo: move }) };
}

/** The content of a new file: each of its lines begins with `+`. */
export function parseNewFile(path: string, diff: string): string {
  const lines = withoutFileHeads(diff.replaceAll('\r\n', '\n').replace(/\n$/, '').split('\n')).filter((line) => !line.startsWith('@@') && line !== END_OF_FILE);
  if (lines.length === 1 && lines[0] === '') return '';
  return lines.map((line, index) => {
    if (line.startsWith('+')) return `${line.slice(1)}\n`;
    throw new PatchProblem(`${path}, line ${index + 1}: every line of a new file begins with "+", found ${JSON.stringify(line)}`);
  }).join('');
}

/** The hunks of a changed file. Lines begin with a space, `-` or `+`; `@@` parts hunks; an empty line counts as an empty line that stays. */
export function parseHunks(path: string, diff: string, mayBeEmpty = false): readonly Hunk[] {
  const lines = withoutFileHeads(diff.replaceAll('\r\n', '\n').replace(/\n$/, '').split('\n'));
  const open = new HunkDraft(path);
  for (const line of lines) open.line(line);
  const hunks = open.finish();
  if (hunks.length === 0 && !mayBeEmpty) throw new PatchProblem(`${path}: there is no hunk in the diff; lines begin with " ", "-" or "+", below a line "@@"`);
  return hunks;
}

class HunkDraft {
  readonly #path: string;
  readonly #hunks: Hunk[] = [];
  #anchors: string[] = [];
  #lines: HunkLine[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  line(line: string): void {
    if (line === END_OF_FILE) return this.#close(true);
    if (line.startsWith('\\ No newline')) return;
    if (line.startsWith('@@')) {
      this.#close(false);
      const anchor = (UNIFIED.exec(line)?.[1] ?? line.slice(2)).trim();
      if (anchor !== '') this.#anchors.push(anchor);
      return;
    }
    const [mark = ' ', text] = line === '' ? [' ', ''] : [line[0], line.slice(1)];
    if (mark !== ' ' && mark !== '-' && mark !== '+') {
      throw new PatchProblem(`${this.#path}, hunk ${this.#hunks.length + 1}: a line begins with " ", "-" or "+", found ${JSON.stringify(line)}`);
    }
    this.#lines.push({ mark, text });
  }

  finish(): readonly Hunk[] {
    this.#close(false);
    if (this.#anchors.length > 0) throw new PatchProblem(`${this.#path}: nothing follows the last "@@ ${this.#anchors.at(-1)}"`);
    return this.#hunks;
  }

  #close(atEnd: boolean): void {
    if (this.#lines.length === 0) return;
    const number = this.#hunks.length + 1;
    if (this.#lines.every(({ mark }) => mark === ' ')) {
      throw new PatchProblem(`${this.#path}, hunk ${number}: it changes nothing: no line begins with "-" or "+"`);
    }
    this.#hunks.push({ number, anchors: this.#anchors, lines: this.#lines, atEnd });
    this.#anchors = [];
    this.#lines = [];
  }
}

/** Heads of a unified diff (`diff --git`, `index`, `---`, `+++`) before the first hunk say nothing that is needed. */
function withoutFileHeads(lines: readonly string[]): readonly string[] {
  const heads = /^(?:diff --git |index [0-9a-f]|new file mode |--- (?:a\/|\/dev\/null|"))/;
  let from = 0;
  while (heads.test(lines[from] ?? '')) from++;
  if (from > 0 && lines[from]?.startsWith('+++ ') === true) from++;
  return lines.slice(from);
}

function trimOuter(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => line.trim() !== '');
  const last = lines.findLastIndex((line) => line.trim() !== '');
  return first === -1 ? [] : lines.slice(first, last + 1);
}
