import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { GloveboxError, type Patch } from '../../src/contracts/index.ts';
import type { GitWorkspace } from '../../src/workspace/index.ts';
import { plainFolderOf, repositoryOf, temporaryFolder, userGit, workspaceOf, writeFiles } from '../unit/workspace/support.ts';

/** A repository that runs a program as soon as somebody uses git in it. */
interface Attack {
  readonly folder: string;
  /** The program; it leaves a file. */
  readonly program: string;
  readonly canary: string;
}

interface Shape {
  readonly plant: (attack: Attack) => void;
  /** What an unsuspecting user does. It must set the program off, or the test would prove nothing. */
  readonly control: (attack: Attack) => void;
}

const FILES = { 'a.txt': 'one\ntwo\nthree\n', 'b.txt': 'b\n', '.gitattributes': '* filter=evil diff=evil merge=evil\n' };
const config = ({ folder }: Attack, ...pairs: readonly [string, string][]) => pairs.forEach(([key, value]) => userGit(folder, ['config', key, value]));
const edit = ({ folder }: Attack) => writeFiles(folder, { 'a.txt': 'one\n2\nthree\n' });

/** Runs git as a user would; that it may fail is part of many attacks. */
function carelessly(folder: string, args: readonly string[], env: Record<string, string> = {}): void {
  try {
    userGit(folder, args, env);
  } catch (error) {
    if (!(error instanceof Error && 'status' in error)) throw error;
  }
}

const SHAPES: Readonly<Record<string, Shape>> = {
  'core.fsmonitor': {
    plant: (attack) => config(attack, ['core.fsmonitor', attack.program]),
    control: ({ folder }) => carelessly(folder, ['status']),
  },
  'hooks in .git/hooks': {
    plant: ({ folder, program }) => {
      const names = ['applypatch-msg', 'pre-applypatch', 'post-applypatch', 'pre-commit', 'prepare-commit-msg', 'commit-msg', 'post-commit', 'post-checkout', 'post-index-change', 'reference-transaction', 'pre-auto-gc', 'fsmonitor-watchman'];
      mkdirSync(join(folder, '.git/hooks'), { recursive: true });
      for (const name of names) symlinkSync(program, join(folder, '.git/hooks', name));
    },
    control: ({ folder }) => carelessly(folder, ['branch', 'other']),
  },
  'core.hooksPath into the tree': {
    plant: (attack) => {
      writeFiles(attack.folder, { 'hooks/reference-transaction': { executable: readFileSync(attack.program, 'utf8') }, 'hooks/post-index-change': { executable: readFileSync(attack.program, 'utf8') } });
      config(attack, ['core.hooksPath', 'hooks']);
    },
    control: ({ folder }) => carelessly(folder, ['branch', 'other']),
  },
  'clean and smudge filters': {
    plant: (attack) => config(attack, ['filter.evil.clean', attack.program], ['filter.evil.smudge', attack.program], ['filter.evil.required', 'true']),
    control: (attack) => {
      edit(attack);
      carelessly(attack.folder, ['add', 'a.txt']);
    },
  },
  'a long-running filter process': {
    plant: (attack) => config(attack, ['filter.evil.process', attack.program]),
    control: (attack) => {
      edit(attack);
      carelessly(attack.folder, ['add', 'a.txt']);
    },
  },
  textconv: {
    plant: (attack) => config(attack, ['diff.evil.textconv', attack.program]),
    control: (attack) => {
      edit(attack);
      carelessly(attack.folder, ['diff']);
    },
  },
  'an external diff': {
    plant: (attack) => config(attack, ['diff.external', attack.program], ['diff.evil.command', attack.program]),
    control: (attack) => {
      edit(attack);
      carelessly(attack.folder, ['diff']);
    },
  },
  'a merge driver': {
    plant: (attack) => {
      config(attack, ['merge.evil.driver', attack.program]);
      // Makes the patch need a three-way merge.
      writeFiles(attack.folder, { 'a.txt': 'ONE\ntwo\nthree\n' });
    },
    control: ({ folder }) => {
      userGit(folder, ['commit', '-qam', 'ours']);
      userGit(folder, ['checkout', '-q', '-b', 'theirs', 'HEAD~1']);
      writeFiles(folder, { 'a.txt': 'one\ntwo\nTHREE\n' });
      userGit(folder, ['commit', '-qam', 'theirs']);
      carelessly(folder, ['merge', 'main']);
    },
  },
  'an included configuration': {
    plant: (attack) => {
      writeFiles(attack.folder, { 'evil.config': `[core]\n\tfsmonitor = ${attack.program}\n` });
      config(attack, ['include.path', '../evil.config'], ['includeIf.gitdir:/.path', '../evil.config']);
    },
    control: ({ folder }) => carelessly(folder, ['status']),
  },
  'an ext:: remote': {
    plant: (attack) => config(attack, ['protocol.ext.allow', 'always'], ['remote.origin.url', `ext::${attack.program}`], ['remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*']),
    control: ({ folder }) => carelessly(folder, ['fetch', 'origin']),
  },
  'core.sshCommand': {
    plant: (attack) => config(attack, ['core.sshCommand', attack.program], ['remote.origin.url', 'ssh://localhost/x']),
    control: ({ folder }) => carelessly(folder, ['fetch', 'origin']),
  },
  'a missing object that is fetched on demand': {
    plant: (attack) => {
      config(attack, ['protocol.ext.allow', 'always'], ['remote.origin.url', `ext::${attack.program}`], ['remote.origin.promisor', 'true'], ['extensions.partialClone', 'origin']);
      const blob = userGit(attack.folder, ['rev-parse', 'HEAD:a.txt']).trim();
      rmSync(join(attack.folder, '.git/objects', blob.slice(0, 2), blob.slice(2)), { force: true });
    },
    control: ({ folder }) => carelessly(folder, ['cat-file', '-p', 'HEAD:a.txt']),
  },
  'a program that signs': {
    plant: (attack) => config(attack, ['commit.gpgSign', 'true'], ['gpg.program', attack.program]),
    control: ({ folder }) => carelessly(folder, ['commit', '-q', '--allow-empty', '-m', 'x']),
  },
  'an update command of a submodule': {
    plant: ({ folder, program }) => {
      writeFiles(folder, { '.gitmodules': '[submodule "m"]\n\tpath = m\n\turl = ./.git\n' });
      userGit(folder, ['update-index', '--add', '--cacheinfo', `160000,${userGit(folder, ['rev-parse', 'HEAD']).trim()},m`]);
      userGit(folder, ['config', 'submodule.m.update', `!${program}`]);
      userGit(folder, ['config', 'submodule.m.url', folder]);
    },
    control: ({ folder }) => carelessly(folder, ['-c', 'protocol.file.allow=always', 'submodule', 'update', '--init']),
  },
  'a bare repository in the tree': {
    plant: ({ folder, program }) => {
      userGit(folder, ['init', '-q', '--bare', 'docs/bare']);
      writeFiles(folder, { 'docs/bare/config': `[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = ..\n\tfsmonitor = ${program}\n` });
    },
    control: ({ folder }) => carelessly(join(folder, 'docs/bare'), ['status']),
  },
  'a repository in the tree': {
    plant: ({ folder, program }) => {
      userGit(folder, ['init', '-q', 'nested']);
      writeFiles(folder, { 'nested/file': 'x' });
      userGit(join(folder, 'nested'), ['config', 'core.fsmonitor', program]);
    },
    control: ({ folder }) => carelessly(join(folder, 'nested'), ['status']),
  },
};

function attackOf(shape: Shape): Attack {
  const home = temporaryFolder();
  const canary = join(home, 'canary');
  const program = join(home, 'program');
  writeFileSync(program, `#!/bin/sh\ntouch ${canary}\nexit 1\n`);
  chmodSync(program, 0o755);
  const attack = { folder: repositoryOf(FILES), program, canary };
  shape.plant(attack);
  return attack;
}

/** Everything that glovebox does with a user's repository. Some attacks break the repository: then an error of ours is the right answer. */
async function useAll(workspace: GitWorkspace, folder: string): Promise<string[]> {
  const done: string[] = [];
  const attempt = async (name: string, work: () => Promise<unknown>) => {
    try {
      await work();
      done.push(name);
    } catch (error) {
      if (!(error instanceof GloveboxError)) throw error;
    }
  };
  const base = await workspace.capture(folder);
  const first = (await workspace.read(base, 'a.txt'))?.toString().split('\n')[0] ?? '';
  const changed = await workspace.capture(plainFolderOf({ ...FILES, 'a.txt': `${first}\ntwo\nfixed\n` }));
  const patch = await workspace.diff(base, await workspace.restore(changed, base, ['a.txt']));
  await attempt('branch', () => workspace.branch(folder, 'glovebox/fix', patch, 'message'));
  await attempt('apply', () => workspace.apply(folder, patch));
  await attempt('capture', () => workspace.capture(folder));
  await attempt('fetch', () => workspace.capture(`file://${folder}`));
  return done;
}

describe('nothing of a repository runs on the host:', () => {
  it.each(Object.keys(SHAPES))('%s', async (name) => {
    const shape = SHAPES[name]!;
    const attack = attackOf(shape);
    const done = await useAll(workspaceOf({ protocols: ['file'] }), attack.folder);
    expect(existsSync(attack.canary), 'the host ran the program').toBe(false);
    expect(done).toEqual(expect.arrayContaining(['apply', 'capture']));
    if (name !== 'a missing object that is fetched on demand') expect(done).toContain('branch');
    const again = attackOf(shape);
    shape.control(again);
    expect(existsSync(again.canary), 'plain git would not have run it either: the attack is none').toBe(true);
  });

  it('a program called git in node_modules/.bin, first in PATH as npx puts it', async () => {
    const attack = attackOf({ plant: () => undefined, control: () => undefined });
    const bin = join(attack.folder, 'node_modules/.bin');
    mkdirSync(bin, { recursive: true });
    symlinkSync(attack.program, join(bin, 'git'));
    const PATH = [bin, '.', process.env['PATH']].join(delimiter);
    await useAll(workspaceOf({ protocols: ['file'], environment: { PATH, HOME: temporaryFolder() } }), attack.folder);
    expect(existsSync(attack.canary)).toBe(false);
    carelessly(attack.folder, ['status'], { PATH });
    expect(existsSync(attack.canary)).toBe(true);
  });

  it("variables of the operator's environment that make git run programs", async () => {
    const attack = attackOf({ plant: () => undefined, control: () => undefined });
    const dangerous = { GIT_EXTERNAL_DIFF: attack.program, GIT_SSH_COMMAND: attack.program, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'core.fsmonitor', GIT_CONFIG_VALUE_0: attack.program };
    Object.assign(process.env, dangerous);
    try {
      await useAll(workspaceOf({ protocols: ['file'], environment: process.env }), attack.folder);
      expect(existsSync(attack.canary)).toBe(false);
    } finally {
      for (const name of Object.keys(dangerous)) delete process.env[name];
    }
    carelessly(attack.folder, ['status'], dangerous);
    expect(existsSync(attack.canary)).toBe(true);
  });
});

describe('a fetch', () => {
  /** git, with its environment written down on the way. */
  function watchedGit(): { PATH: string; log: string } {
    const folder = temporaryFolder();
    const log = join(folder, 'log');
    const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
    writeFiles(folder, { git: { executable: `#!/bin/sh\nenv >> ${log}\nexec ${real} "$@"\n` } });
    return { PATH: [folder, process.env['PATH']].join(delimiter), log };
  }

  it('passes proxies on, and no secret', async () => {
    const { PATH, log } = watchedGit();
    const environment = { PATH, HOME: temporaryFolder(), HTTPS_PROXY: 'http://proxy.test', OPENAI_API_KEY: 'sk-secret', GIT_SSH_COMMAND: 'x' };
    process.env['GLOVEBOX_TEST_SECRET'] = 'sk-secret';
    await workspaceOf({ protocols: ['file'], environment }).capture(`file://${repositoryOf({ a: 'a' })}`);
    delete process.env['GLOVEBOX_TEST_SECRET'];
    const seen = readFileSync(log, 'utf8');
    expect(seen).toContain('HTTPS_PROXY=http://proxy.test');
    expect(seen).not.toContain('sk-secret');
    expect(seen).not.toContain('GIT_SSH_COMMAND');
  });

  it('ends when the other side sends without end', async () => {
    const folder = temporaryFolder();
    const endless = '#!/bin/sh\n[ "$1" = fetch ] || exit 1\nmkdir -p "$GIT_DIR/objects/pack"\nhead -c 3000000 /dev/zero > "$GIT_DIR/objects/pack/tmp_pack"\nexec sleep 60\n';
    writeFiles(folder, { git: { executable: endless } });
    const environment = { PATH: [folder, process.env['PATH']].join(delimiter), HOME: temporaryFolder() };
    const workspace = workspaceOf({ environment, limits: { maxBytes: 2_000_000 } });
    await expect(workspace.capture('https://example.test/a')).rejects.toMatchObject({ code: 'repository_too_large', message: expect.stringContaining('more than 1.9 MiB') });
  });
});

describe('a .git that leads elsewhere', () => {
  const patchFor = async (workspace: GitWorkspace, folder: string): Promise<Patch> => workspace.diff(await workspace.capture(folder), await workspace.capture(plainFolderOf({ 'a.txt': 'changed\n' })));

  it.each(['refs/heads', 'refs', 'objects', 'objects/pack'])('is not followed when a branch is made: .git/%s is a link', async (name) => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ 'a.txt': 'a\n' });
    const patch = await patchFor(workspace, folder);
    const outside = join(temporaryFolder(), 'outside');
    renameSync(join(folder, '.git', name), outside);
    symlinkSync(outside, join(folder, '.git', name));
    const before = readdirSync(outside, { recursive: true });
    await expect(workspace.branch(folder, 'x', patch, 'm')).rejects.toMatchObject({ code: 'repository_invalid', message: expect.stringContaining(`.git/${name} is not a folder`) });
    expect(readdirSync(outside, { recursive: true })).toEqual(before);
  });

  it('is not followed below refs/heads either', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ 'a.txt': 'a\n' });
    const outside = temporaryFolder();
    symlinkSync(outside, join(folder, '.git/refs/heads/glovebox'));
    await expect(workspace.branch(folder, 'glovebox/fix', await patchFor(workspace, folder), 'm')).rejects.toMatchObject({ code: 'repository_invalid' });
    expect(readdirSync(outside)).toEqual([]);
  });

  it("is another repository's: its files are not taken, its refs are not touched", async () => {
    const workspace = workspaceOf();
    const victim = repositoryOf({ secret: 's', 'a.txt': 'a\n' });
    userGit(victim, ['worktree', 'add', '-q', '--detach', join(temporaryFolder(), 'linked')]);
    for (const pointer of ['.git', '.git/worktrees/linked', 'link']) {
      const folder = plainFolderOf({ 'a.txt': 'a\n' });
      if (pointer !== 'link') writeFiles(folder, { '.git': `gitdir: ${victim}/${pointer}\n` });
      else symlinkSync(join(victim, '.git'), join(folder, '.git'));
      const notes: string[] = [];
      const tree = await workspace.capture(folder, { onNote: (note) => notes.push(note) });
      expect(await workspace.files(tree)).toEqual(['a.txt']);
      expect(notes).toEqual([expect.stringContaining('taken as one without history')]);
      await expect(workspace.branch(folder, 'x', await patchFor(workspace, folder), 'm')).rejects.toMatchObject({ code: 'repository_invalid' });
    }
    expect(userGit(victim, ['branch', '--format=%(refname)'])).toBe('refs/heads/main\n');
  });

  it('names a work tree elsewhere: the folder that was given is taken', async () => {
    const workspace = workspaceOf();
    const elsewhere = plainFolderOf({ secret: 's' });
    const folder = repositoryOf({ 'a.txt': 'a\n' });
    userGit(folder, ['config', 'core.worktree', elsewhere]);
    expect(await workspace.files(await workspace.capture(folder))).toEqual(['a.txt']);
    await workspace.apply(folder, await patchFor(workspace, folder));
    expect(readdirSync(elsewhere)).toEqual(['secret']);
  });

  it('names tracked files behind a link', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ 'a.txt': 'a\n', 'd/secret': 'mine' });
    rmSync(join(folder, 'd'), { recursive: true });
    symlinkSync(plainFolderOf({ secret: 'theirs' }), join(folder, 'd'));
    const tree = await workspace.capture(folder);
    expect(await workspace.files(tree)).toEqual(['a.txt', 'd']);
  });

  it.each(['index', 'HEAD', 'info/exclude', 'packed-refs', 'shallow'])('has a pipe for a file that is waited on for ever: %s', async (name) => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ 'a.txt': 'a\n' });
    const patch = await patchFor(workspace, folder);
    rmSync(join(folder, '.git', name), { force: true });
    execFileSync('mkfifo', [join(folder, '.git', name)]);
    expect(await workspace.files(await workspace.capture(folder))).toEqual(['a.txt']);
    const branch = workspace.branch(folder, 'x', patch, 'm');
    if (name === 'HEAD') await expect(branch).rejects.toMatchObject({ code: 'repository_invalid' });
    else await branch;
  });

  it('has rules of ignoring that are links to files outside: they are not read', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ 'a.txt': 'a\n', 'b.txt': 'b\n' });
    const outside = plainFolderOf({ rules: 'b.txt\n' });
    rmSync(join(folder, '.git/info/exclude'), { force: true });
    for (const link of ['.gitignore', '.git/info/exclude']) symlinkSync(join(outside, 'rules'), join(folder, link));
    rmSync(join(folder, '.git/index'));
    const notes: string[] = [];
    const tree = await workspace.capture(folder, { onNote: (note) => notes.push(note) });
    expect(await workspace.files(tree)).toEqual(['a.txt', 'b.txt']);
    expect(notes).toEqual([expect.stringContaining('symbolic links that a tree must not hold are left out: ".gitignore"')]);
  });
});
