import { afterAll, expect, test } from 'vitest';
import { run, specOf } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';
import { sandboxSuite } from './sandbox.suite.ts';

const noSignals = 'its terminals make no signals of keys or sizes, and ^D is no end';

/** What a runsc that fails its self-test (Debian's is of 2022) cannot be asked for, although it starts and speaks the wire. */
const NOT_RUN_ON_AN_OLD_ONE = {
  'a thousand of them leave no zombie': 'its kernel panics under eight commands at a time',
  'of a memory hog says so, and the sandbox lives': 'the hog takes the whole sandbox with it, as another test shows',
  'of a memory hog is blamed on nobody alone while another command runs': 'the same',
  'of a shell whose grandchild was the memory hog says so, too': 'the same',
  'comes for processes that hop from pid to pid, with its marker': 'its kernel panics',
  'comes for processes that hop from pid to pid, without its marker': 'its kernel panics',
  'of a fork bomb comes with its time, and says what it ran into': 'its kernel panics',
  'tells the program that it was resized': noSignals,
  'makes a signal of ^C for what runs in the foreground, and for nothing else': noSignals,
  'controls jobs, and ^D is an end': noSignals,
  'hangs up on what does not see its end': noSignals,
  'whose end was said outlives a broken connection': noSignals,
  'takes nobody with it where it is written to as it ends': 'its kernel panics under eight commands at a time',
  'lets programs draw': 'they find half of a terminal’s settings missing',
  'filters system calls, and lets no program gain anything': 'its /proc/self/status does not say',
  'keeps commands away from init': 'it shows the environment and the descriptors of PID 1; what is written to them is not believed, as another test shows',
};

const tested = new DockerWorld('gvisor', { ignoreSelfTest: false });
const status = await tested.driver.status();
afterAll(async () => {
  await tested[Symbol.asyncDispose]();
});

// Without runsc on the engine everything below fails, and says so.
sandboxSuite('containers on runsc (gVisor)', async () => new DockerWorld('gvisor'), status.available ? {} : { notRun: NOT_RUN_ON_AN_OLD_ONE, wireIsReachable: true });

test('a runtime that fails its self-test is refused for real use, with the reason', async () => {
  expect(status.detail).toMatch(status.available ? /with runsc/ : /fails its self-test/);
  if (status.available) return;
  await expect(tested.driver.create(specOf())).rejects.toMatchObject({ code: 'kind_unavailable', message: expect.stringContaining(status.detail) as string });
  expect(await tested.remains()).toEqual([]);
});

test('the memory limit holds', async () => {
  await using world = new DockerWorld('gvisor');
  const sandbox = await world.driver.create(specOf());
  const { end } = await run(sandbox, ['tail', '/dev/zero'], { limits: { wallMs: 60_000 } });
  // An old one knows no other way than to die as a whole; nobody makes up a cause for that.
  expect(end.cause).toBe(status.available ? 'memory' : 'lost');
  await sandbox.destroy();
});
