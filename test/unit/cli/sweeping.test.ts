import { expect, test } from 'vitest';
import { keepSwept } from '../../../src/cli/sweeping.ts';
import type { Log, SweepOptions } from '../../../src/contracts/index.ts';

test('what dead processes left is swept at once and again, one sweep at a time, whatever fails, and what still runs is spared', async () => {
  const over = new AbortController();
  const lines: string[] = [];
  const log: Log = { write: (level, message) => void lines.push(`${level} ${message}`), with: () => log };
  const asked: SweepOptions[] = [];
  let underWay = 0;
  const sandboxes = {
    sweep: async (options: SweepOptions = {}) => {
      asked.push(options);
      expect(++underWay).toBe(1);
      await new Promise(setImmediate);
      underWay -= 1;
      if (asked.length === 1) throw new Error('the engine said no');
      if (asked.length === 3) over.abort();
      return ['state of sandbox sbx_a'];
    },
  };
  const credentials = { sweep: () => Promise.resolve({ revoked: [], failed: [] }) };
  // What else sandboxes and credentials can do nobody asks for here.
  await keepSwept({ sandboxes, credentials } as unknown as Parameters<typeof keepSwept>[0], log, over.signal, 1);
  expect(asked).toMatchObject([{ sparesLiving: true }, { sparesLiving: true }, { sparesLiving: true }]);
  expect(lines).toEqual(['warn what dead processes left could not be swept: the engine said no', 'info swept what a dead process left', 'info swept what a dead process left']);
});
