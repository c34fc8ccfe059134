import fc from 'fast-check';
import { expect, test } from 'vitest';
import { insertAfter, linesOf, numbered, replaceOnce } from '../../../src/tools/edit/edit-text.ts';

const problemOf = (edited: object): string => ('problem' in edited ? String(edited.problem) : 'none');

test('replaces the one place, and says which lines are new', () => {
  expect(replaceOnce('a\nb\nc\n', 'b\n', 'x\ny\n')).toEqual({ text: 'a\nx\ny\nc\n', firstLine: 2, lastLine: 4 });
  expect(replaceOnce('a\nb\n', 'b', '')).toMatchObject({ text: 'a\n\n' });
});

test('refuses what occurs twice, and says where', () => {
  expect(problemOf(replaceOnce('x\ny\nx\n', 'x', 'z'))).toContain('found 2 times (lines 1, 3)');
  expect(problemOf(replaceOnce('aaa', 'aa', 'b'))).toContain('found 2 times');
});

test('refuses what does not occur, and points at a line that differs in white space', () => {
  expect(problemOf(replaceOnce('  if (x) {\n', 'if (x)  {\nmore', ''))).toContain('was not found');
  expect(problemOf(replaceOnce('\tcall();\n', '  call();\n  more();', ''))).toContain('Line 1 is like');
});

test('text with dollar signs is put in as it stands', () => {
  expect(replaceOnce('price', 'price', "$& $1 $$ $'")).toMatchObject({ text: "$& $1 $$ $'" });
});

test('a file with CRLF line ends is matched by LF text and keeps CRLF', () => {
  expect(replaceOnce('a\r\nb\r\nc\r\n', 'a\nb', 'a\nB')).toMatchObject({ text: 'a\r\nB\r\nc\r\n' });
  expect(insertAfter('a\r\nb\r\n', 1, 'x\ny')).toMatchObject({ text: 'a\r\nx\r\ny\r\nb\r\n' });
});

test('inserts at the beginning, between and at the end', () => {
  expect(insertAfter('a\nb\n', 0, 'x')).toMatchObject({ text: 'x\na\nb\n', firstLine: 1, lastLine: 1 });
  expect(insertAfter('a\nb\n', 1, 'x\ny\n')).toMatchObject({ text: 'a\nx\ny\nb\n', firstLine: 2, lastLine: 3 });
  expect(insertAfter('a\nb', 2, 'x')).toMatchObject({ text: 'a\nb\nx\n' });
  expect(insertAfter('a\nb', 1, 'x')).toMatchObject({ text: 'a\nx\nb' });
  expect(insertAfter('', 0, 'x')).toMatchObject({ text: 'x\n' });
  expect(problemOf(insertAfter('a\n', 2, 'x'))).toContain('the file has 1 lines');
});

test('numbers lines as cat -n does', () => {
  expect(numbered(linesOf('a\nb\n'), 9)).toBe('     9\ta\n    10\tb');
});

test('whatever is replaced once can be replaced back', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), fc.string(), fc.string(), (head, before, after, tail) => {
      const text = head + before + tail;
      const there = replaceOnce(text, before, after);
      if ('problem' in there) return;
      // Replaced in the middle of the same surroundings.
      expect(there.text).toBe(text.slice(0, text.indexOf(before)) + after + text.slice(text.indexOf(before) + before.length));
    }),
  );
});
