import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairQueue } from '../../../src/sandbox/admission/fair-queue.ts';

function fill(items: readonly (readonly [owner: string, item: string])[]): FairQueue<string> {
  const queue = new FairQueue<string>();
  for (const [owner, item] of items) queue.push(owner, item);
  return queue;
}

function drain(queue: FairQueue<string>): string[] {
  return Array.from({ length: queue.size }, () => queue.shift() ?? '');
}

test('owners take turns, and each is served in his own order', () => {
  expect(drain(fill([['a', 'a1'], ['a', 'a2'], ['a', 'a3'], ['b', 'b1'], ['c', 'c1'], ['b', 'b2']]))).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});

test('whoever comes late waits for one turn of each other owner, not for all that they asked for', () => {
  const queue = fill(Array.from({ length: 100 }, (_, i) => ['greedy', `g${i}`] as const));
  queue.shift();
  queue.push('modest', 'm');
  expect([queue.shift(), queue.shift()]).toContain('m');
});

test('one who gives up leaves the others as they were', () => {
  const queue = fill([['a', 'a1'], ['b', 'b1'], ['a', 'a2']]);
  expect(queue.remove('b1')).toBe(true);
  expect(queue.remove('b1')).toBe(false);
  expect(drain(queue)).toEqual(['a1', 'a2']);
});

test('the longest line makes way for an owner with a shorter one, and for nobody else', () => {
  const queue = fill([['a', 'a1'], ['a', 'a2'], ['a', 'a3'], ['b', 'b1']]);
  expect(queue.displaceFor('a')).toBeUndefined();
  expect(queue.displaceFor('b')).toBe('a3');
  expect(queue.displaceFor('b')).toBeUndefined();
  expect(queue.displaceFor('c')).toBe('a2');
  expect(drain(queue)).toEqual(['a1', 'b1']);
});

test('nobody is lost, nobody is served twice, and between two turns of one owner no other waits for a second', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 60 }), (owners) => {
      const items = owners.map((owner, i) => [owner, `${owner}${i}`] as const);
      const served = drain(fill(items));
      expect([...served].sort()).toEqual(items.map(([, item]) => item).sort());
      for (const owner of new Set(owners)) {
        const turns = served.flatMap((item, at) => (item.startsWith(owner) ? [at] : []));
        // Between two turns of one, each other owner has one at most.
        for (const [i, at] of turns.slice(1).entries()) expect(at - (turns[i] ?? 0)).toBeLessThanOrEqual(new Set(owners).size);
      }
    }),
  );
});
