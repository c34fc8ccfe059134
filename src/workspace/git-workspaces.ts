import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type BlobStore, GloveboxError, NAME_PATTERN, unlessMissing, type Workspace, type Workspaces } from '../contracts/index.ts';
import { isFile } from './data-file.ts';
import { GitWorkspace, type GitWorkspaceOptions } from './git-workspace.ts';

export interface GitWorkspacesOptions extends Omit<GitWorkspaceOptions, 'storeDir' | 'blobs'> {
  /** For a store of each tenant's, `<tenant>.git`. All of it may be removed while nobody works with it. */
  readonly folder: string;
  readonly blobs: BlobStore;
}

/** Workspaces of a machine. Trees are kept as sealed blobs of their tenants; what is needed of them to work with is in a store of each tenant's, as clear as his files are in his sandboxes. */
export class GitWorkspaces implements Workspaces {
  readonly #options: GitWorkspacesOptions;
  readonly #open = new Map<string, Workspace>();

  constructor(options: GitWorkspacesOptions) {
    this.#options = options;
  }

  of(tenant: string): Workspace {
    const open = this.#open.get(tenant) ?? this.#workspace(tenant, { blobs: this.#options.blobs.of(tenant) });
    this.#open.set(tenant, open);
    return open;
  }

  /** One whose trees are in the store alone: for what goes from a folder into a sandbox, and is not spoken of again. */
  passing(tenant: string): Workspace {
    return this.#workspace(tenant, { blobs: undefined });
  }

  /** Stores of an older version that are still there. */
  async older(): Promise<readonly string[]> {
    const { olderDirs = [] } = this.#options;
    const heads = await Promise.all(olderDirs.map((folder) => isFile(join(folder, 'HEAD'))));
    return olderDirs.filter((_, index) => heads[index] === true);
  }

  async forget(tenant: string): Promise<void> {
    const { folder } = this.#options;
    const store = this.#storeOf(tenant);
    // Nobody finds half of it: it goes under another name.
    await unlessMissing(rename(store, `${store}.${randomUUID()}.gone`));
    for (const name of (await unlessMissing(readdir(folder))) ?? []) {
      if (name.startsWith(`${basename(store)}.`) && name.endsWith('.gone')) await rm(join(folder, name), { recursive: true, force: true });
    }
  }

  #workspace(tenant: string, { blobs }: Pick<GitWorkspaceOptions, 'blobs'>): Workspace {
    const { folder: _folder, blobs: _blobs, ...shared } = this.#options;
    return new GitWorkspace({ ...shared, storeDir: this.#storeOf(tenant), blobs });
  }

  #storeOf(tenant: string): string {
    if (!NAME_PATTERN.test(tenant)) throw new GloveboxError('internal', `not a name for a tenant: ${JSON.stringify(tenant)}`);
    return join(this.#options.folder, `${tenant}.git`);
  }
}
