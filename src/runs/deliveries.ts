import type { OutsideEffect, Patch, RunId, Workspace } from '../contracts/index.ts';

/** What leaves of a run, and where it came from. */
interface Delivered {
  readonly workspace: Workspace;
  readonly run: RunId;
  readonly repository: string;
  readonly patch: Patch;
}

/** The patch, written into the repository's files. It gives nothing. */
export function applying({ workspace, repository, patch }: Delivered): OutsideEffect {
  return {
    kind: 'apply',
    target: { repository },
    what: `the patch is written into the files of ${repository}`,
    perform: async (_key, signal) => {
      await workspace.apply(repository, patch, signal);
      return '';
    },
    lookUp: async (_key, signal) => {
      switch (await workspace.isApplied(repository, patch, signal)) {
        case 'yes':
          return { state: 'done', result: '' };
        case 'no':
          return { state: 'absent' };
        case 'neither':
          return { state: 'unknown', seen: `the files of ${repository} are neither those before the patch nor those after it` };
      }
    },
  };
}

/** The patch as a commit on a new branch. It gives the commit. */
export function branching({ workspace, run, repository, patch }: Delivered, name: string, task: string): OutsideEffect {
  return {
    kind: 'branch',
    target: { repository, name },
    what: `a branch ${name} with the patch is made in ${repository}`,
    perform: (_key, signal) => workspace.branch(repository, name, patch, commitMessage(run, task), signal),
    lookUp: async (_key, signal) => {
      const commit = await workspace.findCommit(repository, name, madeIn(run), signal);
      // A branch of that name that is not ours is for `perform` to complain of.
      return commit === undefined ? { state: 'absent' } : { state: 'done', result: commit };
    },
  };
}

/** The patch as a commit on a new branch where the repository is at home. It gives the commit. */
export function pushing({ workspace, run, repository, patch }: Delivered, name: string, task: string): OutsideEffect {
  return {
    kind: 'push',
    target: { repository, name },
    what: `a branch ${name} with the patch is pushed to where ${repository} is at home`,
    perform: (_key, signal) => workspace.push(repository, name, patch, commitMessage(run, task), signal),
    lookUp: async (_key, signal) => {
      const commit = await workspace.findPushed(repository, name, madeIn(run), signal);
      return commit === undefined ? { state: 'absent' } : { state: 'done', result: commit };
    },
  };
}

function commitMessage(id: RunId, task: string): string {
  const [first = ''] = task.trim().split('\n');
  const subject = first.length > 72 ? `${first.slice(0, 71)}…` : first;
  return `${subject}\n\n${madeIn(id)}\n`;
}

/** The line by which a commit of a run is known. */
function madeIn(id: RunId): string {
  return `Made by glovebox in run ${id}.`;
}
