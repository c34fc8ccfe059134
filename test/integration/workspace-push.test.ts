import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newCredentials } from '../../src/broker/index.ts';
import { GitWorkspace } from '../../src/workspace/index.ts';
import { gitHome, TOKEN } from '../support/git-home.ts';
import { repositoryOf, temporaryFolder, userGit, writeFiles } from '../unit/workspace/support.ts';

const FILES = { 'a.txt': 'one\n', 'b.txt': 'b\n' };
const LINE = 'Made by glovebox in run run_x.';

/** What a run would have made of a checkout of the same files. */
async function patchOf(workspace: GitWorkspace, folder: string) {
  const base = await workspace.capture(folder);
  writeFiles(folder, { 'a.txt': 'two\n' });
  const patch = await workspace.diff(base, await workspace.capture(folder));
  userGit(folder, ['checkout', '-q', '--', 'a.txt']);
  return patch;
}

test('a patch is pushed as one commit on top of what is there, as whoever the operator’s git would come', async () => {
  const { folder, url, workspaceIn } = await gitHome(FILES);
  const store = join(temporaryFolder(), 'store');
  const workspace = workspaceIn(store);
  const patch = await patchOf(workspace, folder);
  const before = userGit(folder, ['rev-parse', 'main']);
  const commit = await workspace.push(url, 'fix/one', patch, `Mend it\n\n${LINE}\n`);
  expect(userGit(folder, ['log', '--format=%H %an %s', 'fix/one']).split('\n')[0]).toBe(`${commit} Bot Mend it`);
  expect(userGit(folder, ['show', 'fix/one:a.txt'])).toBe('two\n');
  expect(userGit(folder, ['rev-parse', 'main', 'fix/one^'])).toBe(before + before);
  expect(await workspace.findPushed(url, 'fix/one', LINE)).toBe(commit);
  expect(await workspace.findPushed(url, 'fix/one', 'Made by somebody else.')).toBeUndefined();
  expect(await workspace.findPushed(url, 'fix/two', LINE)).toBeUndefined();
  // What is there is never replaced, and no login is left anywhere.
  await expect(workspace.push(url, 'main', patch, 'x')).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('"main"') });
  await expect(workspace.push(url, 'fix/one', patch, 'x')).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('already') });
  await expect(workspace.push(url, '-x', patch, 'x')).rejects.toMatchObject({ code: 'usage' });
  expect(userGit(folder, ['rev-parse', 'main'])).toBe(before);
  expect(readFileSync(join(store, 'config'), 'utf8')).not.toContain(TOKEN);
});

test('a checkout is pushed to where its origin says, if that can be', async () => {
  const { folder, url, workspaceIn } = await gitHome(FILES);
  const workspace = workspaceIn(join(temporaryFolder(), 'store'));
  const checkout = repositoryOf(FILES);
  const patch = await patchOf(workspace, checkout);
  await expect(workspace.push(checkout, 'fix', patch, 'x')).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('--branch') });
  userGit(checkout, ['remote', 'add', 'origin', 'git@example.test:owner/repo.git']);
  await expect(workspace.push(checkout, 'fix', patch, 'x')).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(/ssh.*--branch/) });
  userGit(checkout, ['remote', 'set-url', 'origin', url]);
  const commit = await workspace.push(checkout, 'fix', patch, 'x');
  expect(userGit(folder, ['rev-parse', 'fix']).trim()).toBe(commit);
  // Somebody else was there first.
  writeFiles(folder, { 'a.txt': 'three\n' });
  userGit(folder, ['commit', '-qam', 'second']);
  await expect(workspace.push(checkout, 'late', patch, 'x')).rejects.toMatchObject({ code: 'patch_conflict' });
});

test('nobody who has no login is let in, and his error has no login in it', async () => {
  const { folder, url, workspaceIn, environment } = await gitHome(FILES);
  const workspace = workspaceIn(join(temporaryFolder(), 'store'));
  const patch = await patchOf(workspace, folder);
  const stranger = new GitWorkspace({ credentials: newCredentials, storeDir: join(temporaryFolder(), 'store'), environment: { ...environment, HOME: temporaryFolder() } });
  await expect(stranger.push(url, 'fix', patch, 'x')).rejects.toMatchObject({ code: 'repository_invalid' });
  writeFileSync(join(String(environment.HOME), 'helper'), `#!/bin/sh\nprintf 'username=bot\\npassword=wrong-${TOKEN}\\n'\n`);
  const refused: unknown = await workspace.push(url, 'fix', patch, 'x').catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'repository_invalid' });
  expect(String(refused)).not.toContain(TOKEN);
});
