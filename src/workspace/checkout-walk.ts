import { isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { GloveboxError } from '../contracts/index.ts';
import { throwIfCancelled } from './cancellation.ts';
import { errorCode, readDataFile } from './data-file.ts';
import { MAX_RULES_BYTES, type IgnoreRules } from './ignore-rules.ts';
import type { Notes } from './notes.ts';
import { isDotGit, pathProblem, quoted } from './tree-path.ts';

/** A file or a link that was found in a folder. */
export interface FoundFile {
  readonly path: string;
  readonly type: 'file' | 'symlink';
  readonly sizeBytes: number;
  readonly executable: boolean;
}

export interface WalkOptions {
  readonly rules: IgnoreRules;
  readonly notes: Notes;
  /** Beyond so many files the walk ends: whoever asked has refused long before. */
  readonly maxFiles: number;
  readonly signal?: AbortSignal | undefined;
}

interface Item {
  readonly path: string;
  readonly entry: Dirent<Buffer>;
}

/** Every file and link in a folder that is not ignored. Goes level by level, so that git is asked once a level and ignored folders are not entered. */
export async function walkCheckout(root: string, options: WalkOptions): Promise<FoundFile[]> {
  const { rules, notes, maxFiles, signal } = options;
  const found: FoundFile[] = [];
  for (let level = ['']; level.length > 0 && found.length <= maxFiles; ) {
    throwIfCancelled(signal);
    const items = (await inTurn(level, (folder) => listFolder(root, folder, options))).flat();
    const ignored = await rules.ignored(
      items.map(({ path, entry }) => ({ path, folder: entry.isDirectory() })),
      signal,
    );
    const kept = items.filter(({ path }) => !ignored.has(path));
    const files = await inTurn(kept, ({ path, entry }) => (entry.isDirectory() ? undefined : inspect(root, path, notes)));
    for (const file of files) if (file !== undefined) found.push(file);
    level = await foldersToEnter(root, kept, notes);
  }
  return found;
}

/** A file or link as it is now; undefined, with a note, for what a tree cannot hold. */
export async function inspect(root: string, path: string, notes: Notes): Promise<FoundFile | undefined> {
  const found = await lstat(join(root, path)).catch((error: unknown) => {
    // It went away since it was listed.
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return undefined;
    throw unreadable(path, error);
  });
  if (found === undefined || found.isDirectory()) return undefined;
  if (found.isFile()) return { path, type: 'file', sizeBytes: found.size, executable: (found.mode & 0o100) !== 0 };
  if (found.isSymbolicLink()) return { path, type: 'symlink', sizeBytes: found.size, executable: false };
  notes.add('sockets, named pipes and devices are left out', path);
  return undefined;
}

/** A failure to read, as something that its owner can act on. */
export function unreadable(path: string, cause: unknown): GloveboxError {
  const place = path === '' ? 'the folder' : quoted(path);
  const message = `${place} cannot be read (${errorCode(cause) || String(cause)}): make it readable, or name it in .gitignore`;
  return new GloveboxError('repository_invalid', message, { cause, details: { path } });
}

/** What is in a folder and could stand in a tree. Its .gitignore is added to the rules. */
async function listFolder(root: string, folder: string, { rules, notes }: WalkOptions): Promise<Item[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true, encoding: 'buffer' }).catch((cause: unknown) => {
    throw unreadable(folder, cause);
  });
  const items: Item[] = [];
  for (const entry of entries) {
    const name = entry.name.toString('utf8');
    const path = folder === '' ? name : `${folder}/${name}`;
    if (name === '.git') continue;
    if (!isUtf8(entry.name)) notes.add('names that are not UTF-8 are left out', path);
    else if (isDotGit(name)) notes.add('names that some system takes for .git are left out', path);
    else if (pathProblem(path) !== undefined) notes.add(`files are left out because of their name (${pathProblem(path)})`, path);
    else items.push({ path, entry });
    if (name === '.gitignore' && entry.isFile()) await addRules(root, path, rules, notes);
  }
  return items;
}

async function addRules(root: string, path: string, rules: IgnoreRules, notes: Notes): Promise<void> {
  const text = await readDataFile(join(root, path), MAX_RULES_BYTES).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (text === undefined) notes.add('files of ignore rules are not read: larger than 1 MiB', path);
  else await rules.add(path, text);
}

async function foldersToEnter(root: string, kept: readonly Item[], notes: Notes): Promise<string[]> {
  const folders = kept.filter(({ entry }) => entry.isDirectory()).map(({ path }) => path);
  const nested = await inTurn(folders, (path) => isRepository(join(root, path, '.git')));
  return folders.filter((path, index) => {
    if (nested[index] === true) notes.add('repositories inside the repository (submodules too) are left out', path);
    return nested[index] !== true;
  });
}

/** As git sees it: a file that points to a git directory, or a directory with a HEAD. */
async function isRepository(dotGit: string): Promise<boolean> {
  const found = await lstat(dotGit).catch(() => undefined);
  if (found === undefined) return false;
  if (found.isFile()) return (await readDataFile(dotGit, 4096))?.toString('latin1').startsWith('gitdir: ') ?? false;
  return (await lstat(join(dotGit, 'HEAD')).catch(() => undefined)) !== undefined;
}

const AT_ONCE = 64;

/** `map` for asynchronous work, a bounded number at a time, in order. */
async function inTurn<Input, Output>(inputs: readonly Input[], work: (input: Input) => Promise<Output> | Output): Promise<Output[]> {
  const outputs: Output[] = [];
  for (let start = 0; start < inputs.length; start += AT_ONCE) {
    outputs.push(...(await Promise.all(inputs.slice(start, start + AT_ONCE).map(work))));
  }
  return outputs;
}
