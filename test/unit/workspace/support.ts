import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { pack, type Header } from 'tar-stream';
import { onTestFinished } from 'vitest';

import { newCredentials } from '../../../src/broker/index.ts';
import type { FileEntry } from '../../../src/contracts/index.ts';
import { GitWorkspace, type GitWorkspaceOptions } from '../../../src/workspace/index.ts';

/** What a file of a test is: its text, an executable's, or where a link points. */
export type Content = string | Buffer | { readonly link: string } | { readonly executable: string };

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-workspace-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeFiles(folder: string, files: Readonly<Record<string, Content>>): void {
  for (const [path, content] of Object.entries(files)) writeOne(join(folder, path), content);
}

function writeOne(path: string, content: Content): void {
  mkdirSync(dirname(path), { recursive: true });
  if (typeof content === 'string' || Buffer.isBuffer(content)) return writeFileSync(path, content);
  if ('link' in content) return symlinkSync(content.link, path);
  writeFileSync(path, content.executable);
  chmodSync(path, 0o755);
}

/** git as a user has it: it reads the repository's configuration and runs its hooks. */
export function userGit(cwd: string, args: readonly string[], env: Record<string, string> = {}): string {
  const identity = { GIT_AUTHOR_NAME: 'User', GIT_AUTHOR_EMAIL: 'user@localhost', GIT_COMMITTER_NAME: 'User', GIT_COMMITTER_EMAIL: 'user@localhost' };
  const quiet = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
  return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', ...identity, ...quiet, ...env } });
}

/** A user's repository with one commit of these files. */
export function repositoryOf(files: Readonly<Record<string, Content>>): string {
  const folder = join(temporaryFolder(), 'repository');
  mkdirSync(folder);
  userGit(folder, ['init', '-q', '-b', 'main']);
  writeFiles(folder, files);
  userGit(folder, ['add', '-A', '-f']);
  userGit(folder, ['commit', '-q', '-m', 'first']);
  return folder;
}

export function plainFolderOf(files: Readonly<Record<string, Content>>): string {
  const folder = join(temporaryFolder(), 'folder');
  mkdirSync(folder);
  writeFiles(folder, files);
  return folder;
}

export function workspaceOf(options: Partial<GitWorkspaceOptions> = {}): GitWorkspace {
  const home = temporaryFolder();
  return new GitWorkspace({ storeDir: join(home, 'store'), environment: { PATH: process.env['PATH'], HOME: home }, credentials: newCredentials, ...options });
}

/** An archive as tar-stream writes it; what it would not write is for the bytes of a test itself. */
export async function archiveOf(entries: readonly (Partial<Header> & { readonly name: string; content?: string | Buffer })[]): Promise<Buffer> {
  const archive = pack();
  for (const { content, ...header } of entries) archive.entry(header, content ?? '');
  archive.finalize();
  return Buffer.concat(await Array.fromAsync(archive as AsyncIterable<Buffer>));
}

/** Bytes as a stream of chunks of at most this size. */
export async function* inChunks(bytes: Buffer, size = 65_536): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** A header block made by hand, with a right checksum. */
export function headerBlock(fields: { name?: string | Buffer; type: string; size?: number | string; linkname?: string; mode?: string }): Buffer {
  const block = Buffer.alloc(512);
  Buffer.from(fields.name ?? 'x').copy(block, 0);
  block.write(fields.mode ?? '0000644\0', 100, 'latin1');
  block.write(typeof fields.size === 'string' ? fields.size : `${(fields.size ?? 0).toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  block.write('00000000000\0', 136, 'latin1');
  block.write(fields.type, 156, 'latin1');
  block.write(fields.linkname ?? '', 157, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  block.write('        ', 148, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

export function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export const END_OF_ARCHIVE = Buffer.alloc(1024);

/** A line of a sandbox's listing. */
export function entryOf(path: string, type: FileEntry['type'] = 'file', sizeBytes = 1): FileEntry {
  return { path, type, mode: 0o644, sizeBytes, modifiedNs: 0n, inode: 1n };
}
