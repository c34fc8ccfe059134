import type { TreeId, Workspace } from '../contracts/index.ts';

/** What repositories say to agents, by custom. */
const NOTES = ['AGENTS.md', 'CLAUDE.md'];

/** Notes of the repository as it came: not of the sandbox, where the agent could write itself orders. */
export async function repositoryNotes(workspace: Workspace, base: TreeId, signal?: AbortSignal): Promise<readonly { path: string; text: string }[]> {
  const notes: { path: string; text: string }[] = [];
  for (const path of NOTES) {
    const text = (await workspace.read(base, path, signal))?.toString('utf8').replaceAll('\0', '') ?? '';
    // One of them is often a link to, or a copy of, the other.
    if (text.trim() !== '' && !notes.some((note) => note.text === text)) notes.push({ path, text });
  }
  return notes;
}
