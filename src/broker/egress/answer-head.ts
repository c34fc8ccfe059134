import type { RawHeaders } from './headers.ts';

/** The beginning of an answer, as the other side wrote it. */
export interface AnswerHead {
  readonly status: number;
  /** HTTP/1.0 or 1.1. */
  readonly minorVersion: number;
  readonly headers: RawHeaders;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\u0020-\u007e\u0080-\u00ff]*)?$/;
const BEGINNING = 'HTTP/1.';
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** No control characters, and so no line that ends in another way than ours. */
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/** A head without the empty line at its end, in latin1; undefined for what is none. RFC 9112, without what it lets a reader put up with: no folded line, no space before a colon, no bare CR or LF. */
export function readAnswerHead(text: string): AnswerHead | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const [, minor, status] = STATUS_LINE.exec(first) ?? [];
  const headers = status === undefined ? undefined : readFields(lines);
  return headers === undefined ? undefined : { status: Number(status), minorVersion: Number(minor), headers };
}

/** Headers or trailers, each line one; undefined where one of them is none. */
export function readFields(lines: readonly string[]): string[] | undefined {
  const fields: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = bare(line, colon + 1);
    if (colon < 1 || !NAME.test(name) || !VALUE.test(value)) return undefined;
    fields.push(name, value);
  }
  return fields;
}

/** Whether this may become the beginning of an answer. */
export function mayBeAnswer(beginning: string): boolean {
  return BEGINNING.startsWith(beginning.slice(0, BEGINNING.length));
}

/** Whether a value may be written into a head. */
export function isFieldValue(value: string): boolean {
  return VALUE.test(value);
}

/** From there to the end, without the spaces around it; by hand, because an expression for it takes the square of the time for many of them. */
function bare(line: string, from: number): string {
  let begin = from;
  let end = line.length;
  while (begin < end && isBlank(line.charCodeAt(begin))) begin += 1;
  while (end > begin && isBlank(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(begin, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
