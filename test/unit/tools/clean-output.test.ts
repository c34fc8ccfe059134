import { expect, test } from 'vitest';
import { cleanOutput, cutMiddle } from '../../../src/tools/clean-output.ts';

test('colours, cursor movements, titles, NUL and bells are taken out', () => {
  expect(cleanOutput('\u001b[31mred\u001b[0m \u001b]0;title\u0007\u001b[2J\u0000a\u0007b')).toBe('red ab');
});

test('of a progress bar the last state stays, and CRLF is a line end', () => {
  expect(cleanOutput('10%\r50%\r100%\r\ndone\r\n')).toBe('100%\ndone\n');
});

test('tabs, newlines and other scripts stay', () => {
  expect(cleanOutput('\ta\n日本 é 🙂\n')).toBe('\ta\n日本 é 🙂\n');
});

test('long text keeps beginning and end, with the count of what is missing', () => {
  expect(cutMiddle('0123456789', 4)).toBe('01\n[… 6 characters cut …]\n89');
  expect(cutMiddle('0123', 4)).toBe('0123');
});
