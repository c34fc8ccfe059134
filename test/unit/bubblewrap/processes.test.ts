import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { killProcess, listProcesses, parseProcess, readProcess, withDescendants } from '../../../src/sandbox/bubblewrap/processes.ts';

const stat = (name: string, state = 'S') => `77 (${name}) ${state} 12 77 77 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 424242 1000 1`;
const status = 'Name:\tx\nUid:\t1879048200\t1\t1\t1\n';

test('a process whose name holds brackets and spaces is read as what it is', () => {
  expect(parseProcess(77, stat('x) S 1 (y'), status)).toEqual({ pid: 77, parent: 12, startTicks: '424242', uid: 1879048200 });
});

test('a zombie has ended', () => {
  expect(parseProcess(77, stat('x', 'Z'), status)).toBeUndefined();
});

test('texts that end in the middle are no process', () => {
  expect(parseProcess(77, '77 (x) S', status)).toBeUndefined();
  expect(parseProcess(77, '', '')).toBeUndefined();
});

test('descendants are found however deep, and nobody else', () => {
  const made = (pid: number, parent: number) => ({ pid, parent, startTicks: '1', uid: 1 });
  const all = [made(5, 4), made(4, 3), made(3, 2), made(2, 1), made(9, 1)];
  expect(withDescendants([made(3, 2)], all).map(({ pid }) => pid).toSorted((a, b) => a - b)).toEqual([3, 4, 5]);
});

test('a pid that means another process by now is left alone', async () => {
  const child = spawn('sleep', ['60']);
  const found = readProcess(child.pid!);
  expect(listProcesses()).toContainEqual(found);
  killProcess({ ...found!, startTicks: '1' });
  expect(readProcess(child.pid!)).toEqual(found);
  killProcess(found!);
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
});
