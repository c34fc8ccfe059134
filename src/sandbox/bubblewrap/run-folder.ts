import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { GloveboxError, unlessMissingSync } from '../../contracts/index.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';
import { placeName, WRITABLE } from '../writable-places.ts';

/** sun_path in sockaddr_un, less its NUL. */
const SOCKET_PATH_MAX = 107;

/** What a sandbox needs on the host while it runs. Not in the state folder, which its user must not be able to enter. */
export interface RunFolder {
  readonly path: string;
  /** Files of its /etc. */
  readonly etc: string;
  /** What the keeper and bubblewrap complain about. */
  readonly log: string;
  readonly socket: string;
  /** Where writable places are mounted, in mount namespaces of the sandbox alone. Empty for everybody else. */
  readonly places: string;
}

/** Tells the run folders and control groups of one state folder from those of another. */
export function tagOf(stateDir: string): string {
  return createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 8);
}

/** Where run folders lie: root's in /run, as services do, anybody else's in a folder of their own. */
export function defaultRunDir(): string {
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? '/run/glovebox' : join(tmpdir(), `glovebox-${uid}`);
}

/** The run folder of a sandbox; `root` is the run folders' own, `<runDir>/<tag>`. */
export function runFolder(root: string, id: string): RunFolder {
  const path = join(root, id);
  return { path, etc: join(path, 'etc'), log: join(path, 'log'), socket: join(path, 'keeper', 'socket'), places: join(path, 'places') };
}

/**
 * Makes a sandbox's run folder. Its user may walk through it and read, but own only the folder of its keeper's socket.
 * Errors: `config_invalid` when the path is too long or the root is not ours alone.
 */
export function makeRunFolder(folder: RunFolder, user: UnprivilegedUser | undefined, etc: Readonly<Record<string, string>>): void {
  if (Buffer.byteLength(folder.socket) > SOCKET_PATH_MAX) {
    throw new GloveboxError('config_invalid', `${folder.socket} is too long for a socket: choose a shorter run folder`);
  }
  while (!tryToMake(folder.path)) {
    // Somebody removed the root with its last folder while we were at it.
  }
  makeFolder(folder.etc, 0o755);
  for (const [name, text] of Object.entries(etc)) makeFile(join(folder.etc, name), text);
  makeFolder(folder.places, 0o711);
  for (const path of WRITABLE) makeFolder(join(folder.places, placeName(path)), 0o711);
  makeFolder(dirname(folder.socket), 0o700);
  if (user !== undefined) chownSync(dirname(folder.socket), user.uid, user.gid);
}

/** Names of the run folders under a root. */
export function runFolderNames(root: string): string[] {
  return unlessMissingSync(() => readdirSync(root)) ?? [];
}

/** Idempotent. The root goes with its last folder. */
export function removeRunFolder(folder: RunFolder): void {
  rmSync(folder.path, { recursive: true, force: true });
  try {
    rmdirSync(dirname(folder.path));
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

function tryToMake(path: string): boolean {
  try {
    // These two may lie where others can write, so whose they are is checked and not assumed.
    for (const parent of [dirname(dirname(path)), dirname(path)]) {
      if (!existsSync(parent)) makeFolder(parent, 0o711);
      checkOurs(parent);
    }
    makeFolder(path, 0o711);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EEXIST: another process made the parent first.
    if (code === 'ENOENT' || (code === 'EEXIST' && !existsSync(path))) return false;
    throw error;
  }
}

/** The mode is set again, because a umask has been at work. */
function makeFolder(path: string, mode: number): void {
  mkdirSync(path, { mode });
  chmodSync(path, mode);
}

function makeFile(path: string, content: string): void {
  writeFileSync(path, content);
  chmodSync(path, 0o644);
}

function checkOurs(path: string): void {
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new GloveboxError('config_invalid', `${path} is not a folder that only we can write to: remove it, or choose another run folder`);
  }
}
