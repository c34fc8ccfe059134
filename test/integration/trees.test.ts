import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { KINDS } from '../support/sandbox-kinds.ts';
import type { Kind } from '../support/sandbox-kinds.ts';
import type { Carried } from './trees.carrier.ts';

const CARRIER = fileURLToPath(new URL('trees.carrier.ts', import.meta.url));
/** Half of the smaller tree, and more than a collector leaves lying about. */
const MOST_BYTES = 128 * 2 ** 20;
const PATIENCE_MS = 240_000;

test.each(KINDS)('100,000 files go into a %s sandbox and out again as they are, and do not lie in the host’s memory on the way', async (kind) => {
  expectCarried(await carry(kind, 'many'), ['many files in', 'many files out']);
}, PATIENCE_MS);

test('a gigabyte goes into a sandbox and out again as it is, and does not lie in the host’s memory on the way', async () => {
  expectCarried(await carry('container', 'large'), ['a large file in', 'a large file out']);
}, PATIENCE_MS);

function expectCarried(carried: readonly Carried[], ways: readonly string[]): void {
  expect(carried.map(({ what }) => what)).toEqual(ways);
  for (const { what, sent, arrived, grewBytes } of carried) {
    expect({ what, arrived }).toEqual({ what, arrived: sent });
    expect(grewBytes, what).toBeLessThan(MOST_BYTES);
  }
}

/** In a process of its own: what else lies in ours is nobody's business, and a peak does not go down again. */
async function carry(kind: Kind, tree: 'many' | 'large'): Promise<Carried[]> {
  const child = spawn(process.execPath, [CARRIER, kind, tree], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  try {
    const lines = await Array.fromAsync(createInterface(child.stdout));
    expect(await exited).toEqual([0, null]);
    return lines.map((line) => JSON.parse(line) as Carried);
  } finally {
    child.kill('SIGKILL');
  }
}
