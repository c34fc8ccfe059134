import { expect, test } from 'vitest';
import { Call } from '../../../src/session/contexts/call.ts';
import { PausableClock } from '../../../src/session/pausable-clock.ts';
import { KernelViolation } from '../../../src/session/contexts/kernel-stream.ts';

function open() {
  const done: string[] = [];
  const call = new Call({
    number: 1,
    limits: { wallMs: 60_000, outputBytes: 100 },
    clock: new PausableClock(),
    strayBytes: 7,
    interrupt: () => done.push('interrupt'),
    kill: () => done.push('kill'),
  });
  const end = (): void => {
    call.said({ type: 'end', call: 1, status: 'error' }, 40);
    call.marked(1);
  };
  return { call, done, end };
}

test('an interrupt before the code has begun waits until it has', async () => {
  const { call, done, end } = open();
  call.stop('interrupted');
  expect(done).toEqual([]);
  call.said({ type: 'started', call: 1 }, 30);
  expect(done).toEqual(['interrupt']);
  end();
  expect(await call.ended).toMatchObject({ cause: 'interrupted', state: 'kept' });
});

test('a limit interrupts again what an interrupt did not stop, and gives its own name to the end', async () => {
  const { call, done, end } = open();
  call.said({ type: 'started', call: 1 }, 30);
  call.stop('interrupted');
  call.wrote('stdout', Buffer.alloc(150));
  call.stop('cancelled');
  expect(done).toEqual(['interrupt', 'interrupt']);
  end();
  expect(await call.ended).toMatchObject({ cause: 'output', state: 'kept', output: { stdoutBytes: 100, droppedBytes: 57 } });
});

test('an end is one only when both channels have come to it', async () => {
  const { call, end } = open();
  let isOver = false;
  void call.ended.then(() => (isOver = true));
  call.said({ type: 'end', call: 1, status: 'ok' }, 40);
  await Promise.resolve();
  expect([isOver, call.isOver]).toEqual([false, false]);
  call.wrote('stderr', Buffer.from('late'));
  call.marked(1);
  expect(await call.ended).toMatchObject({ cause: 'finished', output: { stderrBytes: 4 } });
  expect(end).toThrow(KernelViolation);
});

test('a call has one beginning, one result and one error', () => {
  const { call } = open();
  call.said({ type: 'started', call: 1 }, 30);
  call.said({ type: 'result', data: {} }, 30);
  expect(() => call.said({ type: 'result', data: {} }, 30)).toThrow(KernelViolation);
  expect(() => call.said({ type: 'started', call: 1 }, 30)).toThrow(KernelViolation);
});

test('a deadline stands still while the clock does', async () => {
  const clock = new PausableClock();
  const fired: string[] = [];
  clock.pause();
  clock.timer(1, () => fired.push('paused'));
  const before = clock.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([fired, clock.now() - before]).toEqual([[], 0]);
  const ran = new Promise<void>((resolve) => clock.timer(2, resolve));
  clock.resume();
  await ran;
  expect(fired).toEqual(['paused']);
});
