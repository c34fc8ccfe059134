import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Deadline } from '../../../src/broker/egress/deadline.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function counted(): { readonly deadline: Deadline; readonly expired: () => number } {
  let times = 0;
  return { deadline: new Deadline(() => (times += 1)), expired: () => times };
}

test('it expires once, when its time is over', () => {
  const { deadline, expired } = counted();
  deadline.start(100);
  vi.advanceTimersByTime(99);
  expect(expired()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(expired()).toBe(1);
  vi.advanceTimersByTime(1_000);
  expect(expired()).toBe(1);
});

test('what happens gives it the same time again', () => {
  const { deadline, expired } = counted();
  deadline.start(100);
  for (let i = 0; i < 10; i++) {
    vi.advanceTimersByTime(60);
    deadline.refresh();
  }
  vi.advanceTimersByTime(99);
  expect(expired()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(expired()).toBe(1);
});

test('begun anew it has the new time, be that longer or shorter', () => {
  const { deadline, expired } = counted();
  deadline.start(100);
  deadline.start(1_000);
  vi.advanceTimersByTime(999);
  expect(expired()).toBe(0);
  deadline.start(10);
  vi.advanceTimersByTime(10);
  expect(expired()).toBe(1);
});

test('suspended it expires no more, is not refreshed, and begins again', () => {
  const { deadline, expired } = counted();
  deadline.start(100);
  vi.advanceTimersByTime(50);
  deadline.suspend();
  deadline.refresh();
  vi.advanceTimersByTime(1_000);
  expect(expired()).toBe(0);
  deadline.start(100);
  vi.advanceTimersByTime(100);
  expect(expired()).toBe(1);
});

test('stopped it leaves no timer behind', () => {
  const { deadline, expired } = counted();
  deadline.start(100);
  deadline.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(1_000);
  expect(expired()).toBe(0);
});
