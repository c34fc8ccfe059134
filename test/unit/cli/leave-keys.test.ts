import { expect, test } from 'vitest';
import { LeaveKeys } from '../../../src/cli/shell.ts';

const key = (text: string): Uint8Array => Buffer.from(text.replaceAll(']', '\u001d'));

test('leaves by three presses within a second, in one piece or in several', () => {
  expect(new LeaveKeys().pressed(key(']]]'), 0)).toBe(true);
  const keys = new LeaveKeys();
  expect([keys.pressed(key(']'), 0), keys.pressed(key(']'), 400), keys.pressed(key('a]'), 500)]).toEqual([false, false, false]);
  expect([keys.pressed(key(']'), 1000), keys.pressed(key(']'), 1400)]).toEqual([false, true]);
});

test('stays for two, for slow ones, and for three with something between', () => {
  expect(new LeaveKeys().pressed(key(']]'), 0)).toBe(false);
  expect(new LeaveKeys().pressed(key(']]a]'), 0)).toBe(false);
  const slow = new LeaveKeys();
  expect([0, 600, 1200, 1800].map((now) => slow.pressed(key(']'), now))).toEqual([false, false, false, false]);
});
