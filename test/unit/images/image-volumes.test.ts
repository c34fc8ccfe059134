import { expect, test } from 'vitest';
import { createOptions } from '../../../src/sandbox/docker/create-options.ts';
import { specOf } from '../../support/sandbox-commands.ts';

const { limits } = specOf();

function mountsOf(volumes: readonly string[]): Record<string, string> {
  const options = createOptions({ kind: 'container', image: { id: 'sha256:1', volumes }, uid: 4711, limits, labels: {}, initVolume: 'v' });
  return options.HostConfig?.Tmpfs ?? {};
}

test('a volume of an image is an empty folder that nobody can write', () => {
  expect(mountsOf(['/data'])['/data']).toMatch(/^ro,.*size=64k/);
});

test('one inside a folder that can be written can be written, and has a size', () => {
  expect(mountsOf(['/workspace/data'])['/workspace/data']).toMatch(/^rw,.*size=\d+.*uid=4711/);
});

test.each(['/workspace', '/tmp/', '/home/sandbox', '/.glovebox', '//tmp/../tmp'])('one at a place of ours changes nothing there: %s', (path) => {
  expect(mountsOf([path])).toEqual(mountsOf([]));
});

test('two spellings of a path are one mount', () => {
  expect(Object.keys(mountsOf(['/data', '/data/', '//data', '/x/../data', 'data'])).filter((path) => path.includes('data'))).toEqual(['/data']);
});
