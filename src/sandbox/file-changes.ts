import type { FileChange } from '../contracts/index.ts';
import { violation } from './wire/violation.ts';

const KINDS: Readonly<Record<string, FileChange['kind'] | 'ready'>> = { w: 'ready', c: 'created', m: 'changed', r: 'removed', o: 'overflow' };
/** A letter, a space and a path, in UTF-8. */
const MAX_CHANGE_BYTES = 2 + 4 * 4096;

/**
 * Reads what `watch` says: a letter, a space and a path, ended by NUL, however it is cut. It says first that it watches, and nothing else before.
 * Errors: `wire_violation` for what is not of this form.
 */
export async function* readChanges(pieces: AsyncIterable<Buffer>): AsyncGenerator<FileChange | 'ready', void> {
  let rest = Buffer.alloc(0);
  let isFirst = true;
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let at = 0;
    for (let end = bytes.indexOf(0); end !== -1; end = bytes.indexOf(0, at)) {
      yield readChange(bytes.toString('utf8', at, end), isFirst);
      isFirst = false;
      at = end + 1;
    }
    rest = Buffer.from(bytes.subarray(at));
    if (rest.length > MAX_CHANGE_BYTES) throw violation('payload', 'a file change that does not end');
  }
}

function readChange(text: string, isFirst: boolean): FileChange | 'ready' {
  const kind = text[1] === ' ' && text.length > 2 ? KINDS[text.charAt(0)] : undefined;
  if (kind === undefined || (kind === 'ready') !== isFirst) throw violation('payload', 'a file change that makes no sense');
  return kind === 'ready' ? kind : { kind, path: text.slice(2) };
}
