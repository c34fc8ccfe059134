import { expect, test } from 'vitest';
import { Pause } from '../../../src/sandbox/pause.ts';
import type { Freezer } from '../../../src/sandbox/pause.ts';
import { ids } from '../../support/sandbox-commands.ts';

function pauseWith(change: Partial<Freezer> | 'no freezer' = {}) {
  const calls: string[] = [];
  const slept: number[] = [];
  const link = {
    rest: () => void calls.push('rest'),
    fallSilent: () => void calls.push('fall silent'),
    tellSlept: (milliseconds: number) => {
      calls.push('tell');
      slept.push(milliseconds);
    },
    wake: () => void calls.push('wake'),
  };
  const freezer: Freezer = {
    freeze: async () => void calls.push('freeze'),
    thaw: async () => void calls.push('thaw'),
    ...(change === 'no freezer' ? {} : change),
  };
  const pause = new Pause({ id: ids.next('sbx'), link, freezer: change === 'no freezer' ? undefined : freezer });
  return { pause, calls, slept };
}

test('nobody waits for a word of what is about to be frozen, nobody speaks to what is, and init has word before it is woken', async () => {
  const { pause, calls, slept } = pauseWith();
  await pause.pause();
  expect([pause.paused, calls.splice(0)]).toEqual([true, ['rest', 'freeze', 'fall silent']]);
  await pause.resume();
  expect([pause.paused, calls]).toEqual([false, ['tell', 'thaw', 'wake']]);
  expect(slept[0]).toBeGreaterThanOrEqual(0);
});

test('each of both is done once, in the order in which they were asked for', async () => {
  const { pause, calls } = pauseWith();
  await Promise.all([pause.resume(), pause.pause(), pause.pause(), pause.resume(), pause.resume(), pause.pause()]);
  expect(calls).toEqual(['rest', 'freeze', 'fall silent', 'tell', 'thaw', 'wake', 'rest', 'freeze', 'fall silent']);
});

test('what could not be frozen runs, and is listened to', async () => {
  const { pause, calls } = pauseWith({ freeze: () => Promise.reject(new Error('stuck')) });
  await expect(pause.pause()).rejects.toThrow('stuck');
  expect([pause.paused, calls]).toEqual([false, ['rest', 'thaw', 'wake']]);
});

test('what could not be woken is still paused, can be tried again, and no time is told twice', async () => {
  let fails = true;
  const { pause, calls, slept } = pauseWith({ thaw: () => (fails ? Promise.reject(new Error('slow')) : Promise.resolve()) });
  await pause.pause();
  const since = performance.now();
  await expect(pause.resume()).rejects.toThrow('slow');
  expect(pause.paused).toBe(true);
  fails = false;
  await pause.resume();
  expect(calls).toEqual(['rest', 'freeze', 'fall silent', 'tell', 'tell', 'wake']);
  expect((slept[0] ?? 0) + (slept[1] ?? 0)).toBeLessThanOrEqual(performance.now() - since + 5);
});

test('where nothing can freeze it that is said', async () => {
  const { pause, calls } = pauseWith('no freezer');
  await expect(pause.pause()).rejects.toMatchObject({ code: 'kind_unavailable', message: expect.stringMatching(/control group/) as string });
  expect(calls).toEqual([]);
});
