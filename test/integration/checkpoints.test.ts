import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newCredentials } from '../../src/broker/index.ts';
import type { SandboxFiles } from '../../src/contracts/index.ts';
import { FollowedTree, isSame, stampsOf } from '../../src/runs/followed-tree.ts';
import { Forks, Replays, Runs, type RunsPorts } from '../../src/runs/index.ts';
import type { GovernedSandbox } from '../../src/session/index.ts';
import { GitWorkspaces } from '../../src/workspace/index.ts';
import type { FakeFiles } from '../unit/runs/fake-sandboxes.ts';
import { calling, rig, ScriptedModel, tinyShell, type Reply } from '../unit/runs/rig.ts';
import { archiveOf, entryOf, inChunks, workspaceOf } from '../unit/workspace/support.ts';

const SUBMIT = calling('submit', { summary: 'done' });
const shell = (command: string): Reply => calling('shell', { command });

/** Bytes of each tar that a sandbox has packed. */
function packed(files: FakeFiles): number[] {
  const sizes: number[] = [];
  const pack = files.pack.bind(files);
  files.pack = async function* (...args: Parameters<SandboxFiles['pack']>) {
    const at = sizes.push(0) - 1;
    for await (const chunk of pack(...args)) {
      sizes[at] = (sizes[at] ?? 0) + chunk.length;
      yield chunk;
    }
  };
  return sizes;
}

test('of 20,000 files the one that changed comes over the wire', { timeout: 120_000 }, async () => {
  const files = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`d${at % 100}/f${at}`, `content of ${at}\n`]));
  let sizes: number[] | undefined;
  const model = new ScriptedModel([shell('look'), shell('set d7/f7 changed'), shell('rm d8/f8'), shell('set new/file text'), SUBMIT]);
  await using at = rig({
    files,
    model,
    interpreter: (command) => {
      sizes ??= packed(command.sandbox.files);
      return tinyShell(command);
    },
  });
  const id = await at.create({ testCommand: '' });
  expect(await at.runs.execute(id)).toMatchObject({ files: ['d7/f7', 'd8/f8', 'new/file'] });
  expect(sizes).toHaveLength(3);
  for (const size of sizes ?? []) expect(size).toBeLessThan(4096);
  expect((await at.runs.patch(id)).text.toString()).toMatch(/-content of 7\n\+changed[^]*-content of 8[^]*\+text/);
});

const write = fc.record({ path: fc.constantFrom('a', 'b', 'c', 'c/d', 'c/e', 'f/g/h', 'f'), text: fc.option(fc.string({ minLength: 1, maxLength: 3 })) });

/** Files as a file system has them: nothing lies in a file, and what replaces a folder takes its place. */
function written(files: ReadonlyMap<string, string>, path: string, text: string | null): Map<string, string> {
  const left = [...files].filter(([other]) => other !== path && !other.startsWith(`${path}/`) && !path.startsWith(`${other}/`));
  return new Map(text === null ? left : [...left, [path, text]]);
}

test('a checkpoint that is made of changes is the tree that all files together make', { timeout: 120_000 }, async () => {
  const workspace = workspaceOf();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(write, { maxLength: 4 }), { minLength: 2, maxLength: 4 }), async (steps) => {
      let files: Map<string, string> = new Map([['a', 'first'], ['c/d', 'second']]);
      const pack = async (paths: readonly string[]) => inChunks(await archiveOf(paths.map((name) => ({ name, content: files.get(name) ?? '' }))));
      // Of a sandbox it needs no more than this.
      const sandbox = { files: { pack: (_folder: string, { paths }: { paths: readonly string[] }) => pack(paths) } } as unknown as GovernedSandbox;
      const followed = new FollowedTree(workspace, undefined);
      for (const step of steps) {
        for (const { path, text } of step) files = written(files, path, text);
        const paths = [...files.keys()];
        // A stamp is another one for another content.
        const tree = await followed.take(sandbox, paths, new Map(files), AbortSignal.timeout(60_000));
        expect(tree).toBe(await workspace.store(await pack(paths), paths));
      }
    }),
    { numRuns: 15 },
  );
});

test('a run is gone on with, forked and replayed on machines that have the journal and the blobs, and none of its files', async () => {
  const stop = new AbortController();
  let stops = true;
  const model = new ScriptedModel([shell('set b.txt new'), shell('set a.txt good'), () => (stops ? stop.abort() : undefined, SUBMIT)]);
  await using at = rig({ files: { 'a.txt': 'bad\n', 'c/d.txt': 'same\n' }, interpreter: tinyShell, model });
  const id = await at.create({ testCommand: '' });
  await expect(at.runs.execute(id, { signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled' });
  stops = false;
  const machine = (name: string): RunsPorts => ({ ...at.ports, workspaces: new GitWorkspaces({ folder: join(at.folder, name), blobs: at.ports.blobs, credentials: newCredentials }) });
  rmSync(join(at.folder, 'trees'), { recursive: true });
  expect(await new Runs(machine('second')).execute(id)).toMatchObject({ files: ['a.txt', 'b.txt'] });
  const third = machine('third');
  expect((await new Runs(third).patch(id)).files.map(({ path }) => path)).toEqual(['a.txt', 'b.txt']);
  const fork = await new Forks(third, new Runs(third)).fork(id, { step: 1 });
  expect(await new Runs(machine('fourth')).execute(fork)).toMatchObject({ files: ['a.txt', 'b.txt'] });
  const fifth = machine('fifth');
  expect(await new Replays(fifth, new Runs(fifth)).live(id, { signal: AbortSignal.timeout(60_000) })).toMatchObject({ identical: true, live: { identical: true } });
});

test('a file that was written while it was listed is taken again', () => {
  const listed = [entryOf('old'), { ...entryOf('new'), modifiedNs: 1_000_000_000_000n }];
  const before = stampsOf(listed, 1_000_000);
  expect(isSame(before, stampsOf(listed, 1_000_000))).toBe(false);
  const later = stampsOf(listed, 1_001_000);
  expect(isSame(later, stampsOf(listed, 1_001_000))).toBe(true);
  expect(isSame(before, later)).toBe(false);
});

test('files that git ignores are there again in a fresh sandbox where the run keeps them, and never in the patch', async () => {
  for (const keepIgnored of [true, false]) {
    const seen: (string | undefined)[] = [];
    const model = new ScriptedModel([shell('set built/output made'), shell('vanish'), shell('look'), shell('set a.txt good'), SUBMIT]);
    await using at = rig({
      files: { 'a.txt': 'bad\n', '.gitignore': 'built/\n' },
      model,
      interpreter: (command) => {
        if (command.argv.at(-1) === 'vanish') command.sandbox.vanish('it went away');
        if (command.argv.at(-1) === 'look') seen.push(command.files.text('built/output'));
        return tinyShell(command);
      },
    });
    const id = await at.create({ testCommand: '', keepIgnored });
    expect(await at.runs.execute(id)).toMatchObject({ files: ['a.txt'] });
    expect(seen).toEqual([keepIgnored ? 'made\n' : undefined]);
  }
});
