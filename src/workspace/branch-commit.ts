import { realpath } from 'node:fs/promises';

import { GloveboxError, type Patch } from '../contracts/index.ts';
import type { GitRepository } from './git-repository.ts';
import type { ObjectStore, ScratchRepository } from './object-store.ts';
import type { Identity, OperatorSettings } from './operator-settings.ts';
import { patchConflict } from './patch-conflict.ts';
import { sendObjects } from './send-objects.ts';
import { splitNul } from './tree-listing.ts';
import { quoted } from './tree-path.ts';
import { UserRepository } from './user-repository.ts';

/** git's name for "must not exist yet". */
const NO_OBJECT = '0'.repeat(40);

export interface BranchOptions {
  readonly folder: string;
  readonly name: string;
  readonly patch: Patch;
  readonly message: string;
  readonly operator: OperatorSettings;
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One commit with a patch, on a new branch on top of HEAD; checkout and index stay as they are. The commit is made in our store,
 * which reads the user's objects; what is new goes over as one pack, and then the branch appears, if nobody has made it
 * meanwhile. Returns the commit. Errors: `usage` for a name that cannot be or is taken, `patch_conflict`, `repository_invalid`.
 */
export async function commitToBranch(store: ObjectStore, options: BranchOptions): Promise<string> {
  const { name, signal } = options;
  const ref = `refs/heads/${name}`;
  const user = await openUser(options.folder);
  await user.checkPlainFolders(name);
  await using view = await user.view(store);
  await checkName(view, name, ref, signal);
  const head = await headOf(view, options.folder, signal);
  await using work = await store.scratch({ alternates: [user.objects] });
  await user.copyShallow(work);
  const tree = await patchedTree(work, head, options);
  const commit = await makeCommit(work, head, tree, options);
  await sendObjects(work, view, `${commit}\n^${head}\n`, signal);
  const { code, stderr } = await view.run(['update-ref', ref, commit, NO_OBJECT], { signal, accept: [0, 1, 128] });
  if (code !== 0) throw new GloveboxError('usage', `the branch ${quoted(name)} could not be made: ${stderr.trim()}`);
  return commit;
}

/** How many commits of a branch are looked at. */
export const LOOKED_AT = 100;

/** See `Workspace.findCommit`. */
export async function findCommit(store: ObjectStore, { folder, name, line, signal }: { folder: string; name: string; line: string; signal?: AbortSignal | undefined }): Promise<string | undefined> {
  const user = await openUser(folder);
  await user.checkPlainFolders(name);
  await using view = await user.view(store);
  const ref = `refs/heads/${name}`;
  const existing = await view.run(['show-ref', '--verify', '--quiet', ref], { signal, accept: [0, 1, 128] });
  return existing.code === 0 ? await commitWithLine(view, ref, line, signal) : undefined;
}

/** The newest of the last commits at a ref whose message has this line. */
export async function commitWithLine(view: GitRepository, ref: string, line: string, signal?: AbortSignal): Promise<string | undefined> {
  const { stdout } = await view.run(['log', `--max-count=${LOOKED_AT}`, '--format=%H%n%B%x00', ref, '--'], { signal });
  const messages = splitNul(stdout).map((record) => record.toString('utf8').trim().split('\n'));
  return messages.find((lines) => lines.slice(1).includes(line))?.[0];
}

async function openUser(folder: string): Promise<UserRepository> {
  const path = await realpath(folder).catch((cause: unknown) => {
    throw new GloveboxError('repository_invalid', `there is no folder ${quoted(folder)}`, { cause });
  });
  const user = await UserRepository.find(path, () => undefined);
  if (user === undefined) {
    throw new GloveboxError('repository_invalid', `${quoted(folder)} is not the top of a git repository: a branch needs one; --patch or --apply does not`);
  }
  return user;
}

/** Errors: `usage`. */
export async function checkRef(view: GitRepository, name: string, ref: string, signal?: AbortSignal): Promise<void> {
  const { code } = await view.run(['check-ref-format', ref], { signal, accept: [0, 1] });
  if (code !== 0 || name.startsWith('-') || name === 'HEAD') throw new GloveboxError('usage', `${quoted(name)} cannot be the name of a branch`);
}

async function checkName(view: GitRepository, name: string, ref: string, signal?: AbortSignal): Promise<void> {
  await checkRef(view, name, ref, signal);
  const existing = await view.run(['show-ref', '--verify', '--quiet', ref], { signal, accept: [0, 1] });
  if (existing.code === 0) throw new GloveboxError('usage', `there is a branch ${quoted(name)} already: choose another name`);
}

async function headOf(view: GitRepository, folder: string, signal?: AbortSignal): Promise<string> {
  const { code, stdout } = await view.run(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], { signal, accept: [0, 1, 128] });
  if (code !== 0) throw new GloveboxError('repository_invalid', `${quoted(folder)} has no commit that a branch could stand on: commit something first`);
  return stdout.toString('latin1').trim();
}

/** HEAD's tree with the patch. Where uncommitted work moved the context, the captured files in our store allow a three-way merge. */
export async function patchedTree(work: ScratchRepository, head: string, { patch, signal }: Pick<BranchOptions, 'patch' | 'signal'>): Promise<string> {
  await work.run(['read-tree', head], { signal });
  if (patch.text.length > 0) {
    const args = ['apply', '--cached', '--3way', '--whitespace=nowarn'];
    const { code, stderr } = await work.run(args, { input: patch.text, signal, accept: [0, 1, 128] });
    if (code !== 0) {
      throw patchConflict('the patch does not fit the last commit (it was made on top of uncommitted work?), and no branch was made', patch, stderr);
    }
  }
  const { stdout } = await work.run(['write-tree'], { signal });
  return stdout.toString('latin1').trim();
}

export async function makeCommit(work: GitRepository, head: string, tree: string, options: Omit<BranchOptions, 'folder' | 'name'>): Promise<string> {
  const { name, email }: Identity = await options.operator.identity(options.signal);
  const date = `${Math.floor(options.now() / 1000)} +0000`;
  const { stdout } = await work.run(['commit-tree', tree, '-p', head, '-F', '-'], {
    input: options.message.endsWith('\n') ? options.message : `${options.message}\n`,
    signal: options.signal,
    env: {
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
      GIT_COMMITTER_DATE: date,
    },
  });
  return stdout.toString('latin1').trim();
}
