import { expect, test } from 'vitest';
import { User } from './glovebox.ts';

test('glovebox demo ends green in both languages, says that its transcript was written by hand, and leaves nothing behind', async () => {
  using user = new User();
  const ended = await user.run('demo');
  expect(ended.stderr).toContain('wrote by hand');
  expect(ended.stderr.match(/^fixed: /gm)).toHaveLength(2);
  expect(ended.stderr.match(/^tests +red as it came/gm)).toHaveLength(2);
  expect(ended.stderr.match(/^tests +green patched, in a fresh sandbox/gm)).toHaveLength(2);
  expect(ended.stdout).toContain('+++ b/src/split.js');
  expect(ended.stdout).toContain('+++ b/recur/monthly.py');
  expect(ended.code).toBe(0);
  expect(await user.containers()).toEqual([]);
});
