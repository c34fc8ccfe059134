import { posix } from 'node:path';
import { GloveboxError, WORKSPACE } from '../contracts/index.ts';
import type { ToolContext, ToolResult } from './tool.ts';

/** Larger files are read by commands, in pieces. */
const MAX_BYTES = 2 * 1024 * 1024;

/** A text file in the sandbox, as a tool edits it. */
export interface TextFile {
  readonly text: string;
  readonly mode: number;
}

/** A path as models write it: absolute, or relative to the workspace. */
export function workspacePath(path: string): string {
  return posix.resolve(WORKSPACE, path);
}

/** Undefined where there is nothing. Errors: `file_failed` for what is no text file, or too large. */
export async function readTextFile(path: string, context: ToolContext): Promise<TextFile | undefined> {
  const { files } = context.sandbox;
  const { signal } = context;
  const entry = await orMissing(files.stat(path, { signal }));
  if (entry === undefined) return undefined;
  if (entry.type !== 'file') throw new GloveboxError('file_failed', `${path} is a ${entry.type}, not a file`);
  if (entry.sizeBytes > MAX_BYTES) {
    throw new GloveboxError('file_failed', `${path} has ${entry.sizeBytes} bytes; this tool takes files up to ${MAX_BYTES}. Use the shell for it.`);
  }
  const bytes = await files.read(path, { signal, maxBytes: MAX_BYTES });
  return { text: decode(bytes, path), mode: entry.mode & 0o777 };
}

/** Writes the file; one that was there keeps its mode. */
export async function writeTextFile(path: string, text: string, mode: number | undefined, context: ToolContext): Promise<void> {
  await context.sandbox.files.write(path, Buffer.from(text), { signal: context.signal, parents: true, ...(mode === undefined ? {} : { mode }) });
}

export async function orMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof GloveboxError && error.code === 'file_failed' && error.details['errno'] === 'ENOENT') return undefined;
    throw error;
  }
}

export function refused(text: string): ToolResult {
  return { ok: false, text };
}

/** Text that comes out as it went in: an edit must not damage the bytes that it leaves alone. */
function decode(bytes: Buffer, path: string): string {
  const text = bytes.toString('utf8');
  if (text.includes('\0') || !Buffer.from(text).equals(bytes)) {
    throw new GloveboxError('file_failed', `${path} is not UTF-8 text; use the shell for it`);
  }
  return text;
}
