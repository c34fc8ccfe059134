import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isDotGit, parentsOf, pathProblem, quoted } from '../../../src/workspace/tree-path.ts';

describe('isDotGit', () => {
  it.each(['.git', '.GIT', '.Git', 'git~1', 'GIT~2', '.git.', '.git ', '.git . .', '.git::$INDEX_ALLOCATION', '.g\u200cit', '\ufeff.git'])('takes %j for .git', (name) => {
    expect(isDotGit(name)).toBe(true);
  });

  it.each(['.gitignore', '.github', 'git', 'git~', '.gitx', 'x.git', '.git-blame-ignore-revs', 'git~1x'])('does not take %j for .git', (name) => {
    expect(isDotGit(name)).toBe(false);
  });
});

describe('pathProblem', () => {
  it.each([
    ['', 'it is empty'],
    ['/etc/passwd', 'it is absolute'],
    ['a/../b', 'it holds the component ".."'],
    ['./a', 'it holds the component "."'],
    ['a//b', 'it holds the component ""'],
    ['a/', 'it holds the component ""'],
    ['a\0b', 'it holds a NUL'],
    ['a\ud800', 'it is not valid Unicode'],
    ['a/.GIT/config', 'it holds a .git'],
    ['a\\.git\\config', 'it holds a .git'],
    [`${'a/'.repeat(128)}b`, 'it is deeper than 128 levels'],
    ['a'.repeat(256), 'it holds a name longer than 255 bytes'],
    [`${'ä'.repeat(100)}/`.repeat(20), 'it is longer than 4000 bytes'],
  ])('refuses %j', (path, problem) => {
    expect(pathProblem(path)).toBe(problem);
  });

  it.each(['a', 'a b/c\nd', '-rf', ':(glob)*', 'ä/😀', '"quoted"', '...', 'a\\b', '.gitignore'])('lets %j stand', (path) => {
    expect(pathProblem(path)).toBeUndefined();
  });

  it('never lets a path stand that leaves its folder', () => {
    const name = fc.constantFrom('..', '.', '', 'a', '.git', 'b c');
    fc.assert(
      fc.property(fc.array(name, { minLength: 1 }), (names) => {
        const path = names.join('/');
        if (pathProblem(path) === undefined) expect(new URL(`file:///root/${path}`).pathname).toMatch(/^\/root\/./);
      }),
    );
  });
});

it('parentsOf names the folders above a path, outermost first', () => {
  expect(parentsOf('a/b/c')).toEqual(['a', 'a/b']);
  expect(parentsOf('a')).toEqual([]);
});

describe('quoted', () => {
  it('shows no control character and no change of direction', () => {
    expect(quoted('a\u001b[31m\n\u202eb\u009b')).toBe(String.raw`"a\u001b[31m\n\u202eb\u009b"`);
  });

  it('is bounded', () => {
    expect(quoted('x'.repeat(5000)).length).toBeLessThan(220);
  });
});
