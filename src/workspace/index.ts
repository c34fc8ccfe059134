// workspace: repositories in, patches out, and every tree of files in between as a git tree in a store of ours.
// The rule of this room: the host runs nothing that a repository or a sandbox brought. A user's .git is read as data, never as
// the GIT_DIR of a process; every git process has a directory, a configuration and an environment that we wrote.
// What comes from a sandbox (a listing, a tar stream) is hostile: it is checked entry by entry before it is kept.
// Trees are kept as sealed blobs of their tenants (`tree-packs.ts`); the store is a cache of them.
// Implements the ports Workspaces and Workspace of contracts; imports contracts and nothing else. docs/workspace.md says why it is so.
export { GitWorkspace, type GitWorkspaceOptions } from './git-workspace.ts';
export { GitWorkspaces } from './git-workspaces.ts';
export type { WorkspaceLimits } from './workspace-limits.ts';
