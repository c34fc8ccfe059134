import { expect, test } from 'vitest';
import { GloveboxError } from '../../../src/contracts/index.ts';
import type { DriverStatus, Sandbox, SandboxDriver } from '../../../src/contracts/index.ts';
import { AvailableSandboxes } from '../../../src/sandbox/sandboxes.ts';
import { specOf } from '../../support/sandbox-commands.ts';

function driver(status: Omit<DriverStatus, 'detail'> & { detail?: string }, sweep: () => Promise<readonly string[]> = async () => []): SandboxDriver {
  return {
    kind: status.kind,
    status: async () => ({ detail: 'as it is', ...status }),
    identity: async ({ image }) => ({ image: `digest of ${image}`, made: 'here' }),
    create: async () => ({ kind: status.kind }) as Sandbox,
    list: async () => [],
    adopt: () => Promise.reject(new GloveboxError('not_found', 'nothing to adopt')),
    sweep,
  };
}

const gvisor = driver({ kind: 'gvisor', available: false, limitsAre: 'hard', detail: 'no runsc' });
const container = driver({ kind: 'container', available: true, limitsAre: 'hard' });
const process = driver({ kind: 'process', available: true, limitsAre: 'soft', detail: 'no cgroup' });

test('the first kind that works is used, in the order of the policy', async () => {
  const sandboxes = new AvailableSandboxes([gvisor, container, process]);
  expect((await sandboxes.create(['gvisor', 'process', 'container'], specOf())).kind).toBe('process');
  expect((await sandboxes.create(['gvisor', 'container'], specOf())).kind).toBe('container');
});

test('soft limits are passed over where hard ones are wanted', async () => {
  const sandboxes = new AvailableSandboxes([container, process]);
  expect((await sandboxes.create(['process', 'container'], specOf(), { hardLimits: true })).kind).toBe('container');
});

test('when none can be used, each says why', async () => {
  const opening = new AvailableSandboxes([gvisor, process]).create(['gvisor', 'container', 'process'], specOf(), { hardLimits: true });
  await expect(opening).rejects.toMatchObject({ code: 'kind_unavailable' });
  await expect(opening).rejects.toThrow(/gvisor: no runsc\n.*container: there is no driver.*\n.*process: its limits are soft.*no cgroup/);
});

test('a sweep goes on where one engine is not there, and fails where something is wrong', async () => {
  const failing = (code: 'engine_unavailable' | 'engine_failed') =>
    driver({ kind: 'container', available: true, limitsAre: 'hard' }, () => Promise.reject(new GloveboxError(code, 'gone')));
  const swept = driver({ kind: 'process', available: true, limitsAre: 'soft' }, async () => ['a thing']);
  expect(await new AvailableSandboxes([failing('engine_unavailable'), swept]).sweep()).toEqual(['a thing']);
  await expect(new AvailableSandboxes([failing('engine_failed'), swept]).sweep()).rejects.toMatchObject({ code: 'engine_failed' });
});
