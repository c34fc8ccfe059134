import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { User } from './glovebox.ts';

const user = new User();
afterAll(() => user[Symbol.dispose]());
const js = (...args: string[]) => user.run('js', ...args);

test('prints the result as JSON, and the console beside it', async () => {
  expect(await js('-e', 'console.log("on the side"); export default [1,2,3].map(x => x * 2)')).toEqual({ code: 0, signal: null, stdout: '[2,4,6]\n', stderr: 'on the side\n' });
});

test('runs a file of TypeScript with arguments, and tells its errors by its own lines', async () => {
  const file = join(user.folder, 'sum.ts');
  writeFileSync(file, 'type N = number;\nexport default (a: N, b: N): N => {\n  if (b < 0) throw new RangeError("too small" as string);\n  return a + b;\n};\n');
  expect(await js(file, '--args', '[40, 2]')).toMatchObject({ code: 0, stdout: '42\n' });
  expect(await js(file, '--args', '[40, -2]')).toMatchObject({ code: 1, stdout: '', stderr: 'RangeError: too small\n    at default (sum.ts:3:20)\n' });
});

test('gives 124 for a limit, 126 for a denial, 1 for what cannot be a result, 2 for what cannot be asked', async () => {
  expect(await js('-e', 'for (;;);', '--timeout', '500ms')).toMatchObject({ code: 124, stderr: expect.stringContaining('timeout') });
  expect(await js('-e', '1', '--policy', 'exec')).toMatchObject({ code: 126, stderr: expect.stringContaining('no javascript') });
  expect(await js('-e', 'export default () => () => 1')).toMatchObject({ code: 1, stderr: expect.stringContaining('it is a function') });
  expect((await js('-e', '1', '--args', '{}')).code).toBe(2);
  expect((await js()).code).toBe(2);
});

test('lends the files of a workspace, each by the policy, and never writes the folder itself', async () => {
  const folder = join(user.folder, 'given');
  mkdirSync(folder);
  writeFileSync(join(folder, 'note.txt'), 'given');
  const program = `await files.write('note.txt', 'changed');
    await files.write('deep/er/new.txt', 'new');
    const failed = (promise) => promise.then(() => 'done', ({ message }) => message);
    export default [
      await files.read('note.txt'), await files.list('deep/er'),
      await failed(files.write('.git/hooks/pre-commit', 'x')), await failed(files.write('/etc/x', 'x')), await failed(files.read('/nowhere')), await failed(files.read(7)),
    ]`;
  const ended = await js('--workspace', folder, '-e', program);
  expect(JSON.parse(ended.stdout)).toEqual([
    'changed',
    [{ name: 'new.txt', type: 'file', sizeBytes: 3 }],
    'files.write: denied by files.deny[0]',
    'files.write: denied by default',
    'files.read: ENOENT',
    'files.read: expected a path',
  ]);
  expect(readFileSync(join(folder, 'note.txt'), 'utf8')).toBe('given');
});

test('has no files where none were given', async () => {
  expect((await js('-e', 'export default typeof files')).stdout).toBe('"undefined"\n');
});
