import { expect, test } from 'vitest';
import { SandboxPlace } from '../../src/sandbox/isolate/sandbox-place.ts';
import { ids } from '../support/sandbox-commands.ts';
import { openWorld } from '../support/sandbox-kinds.ts';
import { isolateSuite, sandboxedIsolateSuite } from './isolates.suite.ts';

isolateSuite('container');
sandboxedIsolateSuite('container');

test('an image without a node that fits is told, and leaves no sandbox', async () => {
  await using world = openWorld('container');
  const sandboxes = { create: (_: unknown, spec: Parameters<typeof world.driver.create>[0]) => world.driver.create({ ...spec, image: 'base' }) };
  const opening = SandboxPlace.open({ sandboxes, ids, sandbox: { kinds: ['container'], hardLimits: true }, limits: { memoryBytes: 2 ** 26, outputBytes: 2 ** 20 }, signal: new AbortController().signal });
  await expect(opening).rejects.toMatchObject({ code: 'kind_unavailable', message: expect.stringMatching(/need a Node of the binary interface [\d or]+ in their sandbox, and the image node has no Node$/) });
  expect(await world.remains()).toEqual([]);
});
