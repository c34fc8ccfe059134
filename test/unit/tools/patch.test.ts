import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyHunks } from '../../../src/tools/patch/apply-hunks.ts';
import { parseHunks, parseNewFile, parsePatch } from '../../../src/tools/patch/parse-patch.ts';

const apply = (text: string, diff: string): string => applyHunks('f.txt', text, parseHunks('f.txt', diff));
const FILE = 'class A:\n    def one(self):\n        return 1\n\nclass B:\n    def one(self):\n        return 1\n';

test('a hunk finds its lines and leaves the rest', () => {
  expect(apply('a\nb\nc\nd\n', '@@\n b\n-c\n+C\n+CC\n d')).toBe('a\nb\nC\nCC\nd\n');
});

test('hunks come in order, each below the one before', () => {
  expect(apply('x\na\nx\nb\n', '@@\n-x\n+1\n a\n@@\n-x\n+2\n b')).toBe('1\na\n2\nb\n');
  expect(() => apply('b\na\n', '@@\n-a\n+1\n@@\n-b\n+2')).toThrow(/hunk 2 does not fit[\s\S]*below line 2/);
});

test('a line after @@ finds the place, and several of them a nested one', () => {
  expect(apply(FILE, '@@ class B:\n     def one(self):\n-        return 1\n+        return 2')).toBe(FILE.replace(/1\n$/, '2\n'));
  expect(apply(FILE, '@@ class B:\n@@     def one(self):\n-        return 1\n+        return 2')).toBe(FILE.replace(/1\n$/, '2\n'));
  expect(() => apply(FILE, '@@ class C:\n-        return 1\n+        return 2')).toThrow('f.txt, hunk 1 does not fit: there is no line "class C:"');
});

test('what fits in two places is refused, not guessed', () => {
  expect(() => apply(FILE, '@@\n-        return 1\n+        return 2')).toThrow('fits in 2 places (lines 3, 7)');
});

test('what does not fit says which hunk and which lines', () => {
  expect(() => apply('a\nb\n', '@@\n-a\n+A\n@@\n c\n-d\n+D')).toThrow(/f\.txt, hunk 2 does not fit: these lines do not stand in the file below line 1:\nc\nd/);
});

test('only white space at line ends is overlooked, and lines that stay keep theirs', () => {
  expect(apply('keep  \nold\t\n', '@@\n keep\n-old\n+new')).toBe('keep  \nnew\n');
  expect(() => apply('  indented\n', '@@\n-indented\n+new')).toThrow('does not fit');
});

test('white space at a line end can itself be removed', () => {
  expect(apply('same  \nend\n', '@@\n-same  \n+same\n end')).toBe('same\nend\n');
});

test('lines are added at the end of a file, below an anchor, and at End of File', () => {
  expect(apply('a\nb\n', '@@\n+c')).toBe('a\nb\nc\n');
  expect(apply('a\nb\n', '@@ a\n+x')).toBe('a\nx\nb\n');
  expect(apply('x\ny\nx\n', '@@\n-x\n+z\n*** End of File')).toBe('x\ny\nz\n');
});

test('CRLF line ends and a missing newline at the end stay', () => {
  expect(apply('a\r\nb\r\n', '@@\n-b\n+c')).toBe('a\r\nc\r\n');
  expect(apply('a\nb', '@@\n-a\n+c\n b')).toBe('c\nb');
});

test('a unified diff is taken as well; its line numbers are not believed', () => {
  const diff = 'diff --git a/f.txt b/f.txt\nindex 111..222 100644\n--- a/f.txt\n+++ b/f.txt\n@@ -90,2 +90,2 @@ some function\n a\n-b\n+c\n\\ No newline at end of file\n';
  expect(() => apply('a\nb\n', diff)).toThrow('there is no line "some function"');
  expect(apply('a\nb\n', diff.replace(' some function', ''))).toBe('a\nc\n');
});

test('an empty line in a hunk is an empty line that stays', () => {
  expect(apply('a\n\nb\n', '@@\n a\n\n-b\n+c')).toBe('a\n\nc\n');
});

test('hunks that change nothing, or are no hunks, are refused', () => {
  expect(() => parseHunks('f', '')).toThrow('changes nothing');
  expect(() => parseHunks('f', '@@\n a\n b')).toThrow('changes nothing');
  expect(() => parseHunks('f', '@@\n*a')).toThrow('f, hunk 1: a line begins with');
  expect(() => parseHunks('f', '-a\n+b\n@@ lost')).toThrow('nothing follows');
});

test('a new file is its lines with a plus', () => {
  expect(parseNewFile('f', '+a\n+\n+b')).toBe('a\n\nb\n');
  expect(parseNewFile('f', '')).toBe('');
  expect(() => parseNewFile('f', '+a\nb')).toThrow('f, line 2');
});

test('a patch of several files is read, and what is wrong in it is named', () => {
  const patch = '*** Begin Patch\n*** Add File: new.txt\n+hi\n*** Update File: a.txt\n*** Move to: b.txt\n@@\n-a\n+b\n*** Delete File: c.txt\n*** End Patch\n';
  expect(parsePatch(patch)).toMatchObject([
    { type: 'create_file', path: 'new.txt', text: 'hi\n' },
    { type: 'update_file', path: 'a.txt', moveTo: 'b.txt', hunks: [{ number: 1 }] },
    { type: 'delete_file', path: 'c.txt' },
  ]);
  expect(() => parsePatch('*** Begin Patch\n*** End Patch')).toThrow('names no file');
  expect(() => parsePatch('--- a\n+++ b')).toThrow('the first line must be');
  expect(() => parsePatch('*** Begin Patch\n*** Add File: a\n+x')).toThrow('the last line must be');
  expect(() => parsePatch('*** Begin Patch\nhello\n*** End Patch')).toThrow('line 2: expected');
});

test('one changed line among distinct ones is always found, wherever it is', () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '+', '-', '@', '*'), maxLength: 6 });
  fc.assert(
    fc.property(fc.uniqueArray(line, { minLength: 1, maxLength: 8, selector: (text) => text.trimEnd() }), fc.nat(), line, (lines, at, put) => {
      const index = at % lines.length;
      const old = lines[index] ?? '';
      const diff = `@@\n-${old}\n+${put}`;
      const expected = [...lines];
      expected[index] = put;
      expect(apply(`${lines.join('\n')}\n`, diff)).toBe(`${expected.join('\n')}\n`);
    }),
  );
});

test('no text makes the parser do anything but answer or say what is wrong', () => {
  const text = fc.array(fc.constantFrom('*** Begin Patch', '*** End Patch', '*** Add File: a', '*** Update File: b', '*** Delete File: c', '*** Move to: d', '*** End of File', '@@', '@@ x', '+a', '-b', ' c', '', 'junk'), { maxLength: 12 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, (patch) => {
      try {
        parsePatch(patch);
      } catch (error) {
        expect((error as Error).constructor.name).toBe('PatchProblem');
      }
    }),
  );
});
