import { expect, test } from 'vitest';
import { Call } from '../../../src/session/contexts/call.ts';
import { PausableClock } from '../../../src/session/pausable-clock.ts';
import { KernelViolation } from '../../../src/session/contexts/kernel-stream.ts';

function open() {
  const done: string[] = [];
  const clock = new PausableClock();
  const reminded = Promise.withResolvers<void>();
  const call = new Call({
    number: 1,
    limits: { wallMs: 60_000, outputBytes: 100 },
    clock,
    strayBytes: 7,
    filter: () => undefined,
    cleaned: (event) => event,
    interrupt: () => done.push('interrupt'),
    remind: () => reminded.resolve(),
    kill: () => done.push('kill'),
  });
  const end = (): void => {
    call.said({ type: 'end', call: 1, status: 'error' }, 40);
    call.marked(1);
  };
  return { call, clock, done, end, reminded: reminded.promise };
}

test('an interrupt that the code does not hear is told again, until the call is over', async () => {
  const { call, done, end, reminded } = open();
  call.stop('interrupted');
  expect(done).toEqual(['interrupt']);
  await reminded;
  end();
  expect(await call.ended).toMatchObject({ cause: 'interrupted', state: 'kept' });
});

test('one that the code has heard is not: what it starts then is its own affair', async () => {
  const { call, clock, end, reminded } = open();
  let isReminded = false;
  void reminded.then(() => (isReminded = true));
  call.stop('interrupted');
  call.said({ type: 'heard' }, 30);
  // The first reminder would have come before it.
  await new Promise<void>((resolve) => clock.timer(60, resolve));
  expect(isReminded).toBe(false);
  end();
  expect(await call.ended).toMatchObject({ output: { droppedBytes: 7 } });
});

test('code that says that it heard what nobody said is believed in nothing by it', async () => {
  const { call, done, end } = open();
  call.said({ type: 'heard' }, 30);
  expect(done).toEqual([]);
  end();
  expect(await call.ended).toMatchObject({ cause: 'raised', output: { droppedBytes: 37 } });
});

test('a limit interrupts again what an interrupt did not stop, and gives its own name to the end', async () => {
  const { call, done, end } = open();
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

test('a call has one result and one error, and no second beginning', () => {
  const { call } = open();
  call.said({ type: 'result', data: {} }, 30);
  expect(() => call.said({ type: 'result', data: {} }, 30)).toThrow(KernelViolation);
  call.said({ type: 'error', name: 'E', message: '', traceback: '' }, 30);
  expect(() => call.said({ type: 'error', name: 'E', message: '', traceback: '' }, 30)).toThrow(KernelViolation);
  expect(() => call.said({ type: 'ready', version: '3' }, 30)).toThrow(KernelViolation);
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
