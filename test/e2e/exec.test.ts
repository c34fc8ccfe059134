import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { User } from './glovebox.ts';

describe.each(['container', 'process'])('glovebox exec in a %s', (kind) => {
  const user = new User();
  afterAll(() => user[Symbol.dispose]());
  const exec = (...args: string[]) => user.run('exec', '--kind', kind, '--policy', 'exec', ...args);
  afterEach(async () => {
    expect(await user.containers()).toEqual([]);
  });

  test('passes output and exit code through', async () => {
    expect(await exec('--', 'sh', '-c', 'echo out; echo err >&2; exit 7')).toMatchObject({ code: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  test('gives 127 for a program that is not there', async () => {
    const ended = await exec('--', 'no-such-program');
    expect(ended.code).toBe(127);
    expect(ended.stderr).toContain('ENOENT');
  });

  test('gives 124 for a limit and names it', async () => {
    const ended = await exec('--timeout', '500ms', '--', 'sleep', '60');
    expect(ended.code).toBe(124);
    expect(ended.stderr).toContain('timeout');
  });

  test('gives 128 and the signal for a command that died of one', async () => {
    expect((await exec('--', 'sh', '-c', 'kill -TERM $$')).code).toBe(143);
  });

  test('passes stdin on with -i', async () => {
    const started = user.start(['exec', '-i', '--kind', kind, '--', 'wc', '-c']);
    started.child.stdin?.end('x'.repeat(300_000));
    expect(await started.ended).toMatchObject({ code: 0, stdout: '300000\n' });
  });

  test('copies a folder into the workspace and never writes it', async () => {
    const folder = join(user.folder, `given-${kind}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'note.txt'), 'given');
    const ended = await exec('--workspace', folder, '--', 'sh', '-c', 'cat note.txt; echo changed > note.txt; cat note.txt');
    expect(ended).toMatchObject({ code: 0, stdout: 'givenchanged\n' });
    const again = await exec('--workspace', folder, '--', 'cat', 'note.txt');
    expect(again.stdout).toBe('given');
  });

  test('says how it ended as JSON on stdout, with the output on stderr', async () => {
    const ended = await exec('--json', '--', 'echo', 'hello');
    expect(JSON.parse(ended.stdout)).toMatchObject({ cause: 'exited', exitCode: 0, tree: 'dead', kind });
    expect(ended.stderr).toBe('hello\n');
  });

  test('has no network', async () => {
    const ended = await exec('--', 'sh', '-c', 'cat /proc/net/dev | tail -n +3 | grep -v lo: ; exec 3<>/dev/tcp/127.0.0.1/1');
    expect(ended.code).not.toBe(0);
    expect(ended.stdout).toBe('');
  });
});

describe('glovebox exec', () => {
  const user = new User();
  afterAll(() => user[Symbol.dispose]());

  test('gives 126 for what policy denies, and says which rule', async () => {
    const policy = join(user.folder, 'narrow.yaml');
    writeFileSync(policy, 'name: narrow\nsandbox: { image: base, kinds: [container] }\ncommands: { deny: [{ program: curl, reason: nothing to fetch here }] }\n');
    const ended = await user.run('exec', '--policy', policy, '--', 'curl', '--version');
    expect(ended.code).toBe(126);
    expect(ended.stderr).toContain('nothing to fetch here');
  });

  test('gives 2 for a policy with a mistake, and file, line and what was expected', async () => {
    const policy = join(user.folder, 'wrong.yaml');
    writeFileSync(policy, 'name: wrong\nlimits:\n  memory: lots\n');
    const ended = await user.run('exec', '--policy', policy, '--', 'true');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/wrong\.yaml:3.*512MiB/s);
  });

  test('gives 125 for an image that is not there', async () => {
    const policy = join(user.folder, 'strange.yaml');
    writeFileSync(policy, 'name: strange\nsandbox: { image: "no/such-image:1", kinds: [container] }\n');
    const ended = await user.run('exec', '--policy', policy, '--', 'true');
    expect(ended.code).toBe(125);
    expect(ended.stderr).toContain('no/such-image:1');
  });

  test('gives 2 and the usage for an option that does not exist', async () => {
    const ended = await user.run('exec', '--nonsense', '--', 'true');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('--nonsense');
  });
});
