import type { FileEntry, FileType } from '../contracts/index.ts';
import { violation } from './wire/violation.ts';

const TYPES: Readonly<Record<string, FileType>> = { f: 'file', d: 'directory', l: 'symlink', p: 'fifo', s: 'socket', b: 'block', c: 'character' };
const HEAD = /^([fdlpsbc]) ([0-7]{1,7}) (\d{1,16}) (-?\d{1,20}) (\d{1,20}) (\d{1,20}) (\d{1,10}) (\d{1,10})$/;

/**
 * Reads the entries of `list` and `stat`: a line of facts, a path and a link's target, each ended by NUL. Errors: `file_failed` would
 * blame the path; what is not of this form is `wire_violation`.
 */
export function readEntries(bytes: Buffer): FileEntry[] {
  const entries: FileEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [head, afterHead] = readText(bytes, at);
    const [path, afterPath] = readText(bytes, afterHead);
    const [target, afterTarget] = readText(bytes, afterPath);
    entries.push(toEntry(head, path, target));
    at = afterTarget;
  }
  return entries;
}

function toEntry(head: string, path: string, target: string): FileEntry {
  const [, type = '', mode = '', size = '', modifiedNs = '', inode = ''] = HEAD.exec(head) ?? [];
  const known = TYPES[type];
  if (known === undefined || path === '') throw violation('payload', 'a file entry that makes no sense');
  return {
    path,
    type: known,
    mode: Number.parseInt(mode, 8),
    sizeBytes: Number(size),
    modifiedNs: BigInt(modifiedNs),
    inode: BigInt(inode),
    ...(known === 'symlink' ? { target } : {}),
  };
}

function readText(bytes: Buffer, from: number): [text: string, next: number] {
  const end = bytes.indexOf(0, from);
  if (end === -1) throw violation('payload', 'a file entry that is cut off');
  return [bytes.toString('utf8', from, end), end + 1];
}
