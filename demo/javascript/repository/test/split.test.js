import assert from 'node:assert/strict';
import { test } from 'node:test';
import { split } from '../src/split.js';

test('equal weights: the first ones get the cents that are left', () => {
  assert.deepEqual(split(1000, [1, 1, 1]), [334, 333, 333]);
});

test('the cent goes to whoever lost most by rounding', () => {
  assert.deepEqual(split(100, [1, 2, 3]), [17, 33, 50]);
  assert.deepEqual(split(101, [10, 1, 1]), [84, 9, 8]);
  assert.deepEqual(split(1001, [6, 3, 1]), [601, 300, 100]);
  assert.deepEqual(split(500, [1, 5]), [83, 417]);
});

test('nothing is lost and nothing invented', () => {
  for (let total = -50; total <= 200; total++) {
    const shares = split(total, [3, 7, 11, 13]);
    assert.equal(shares.reduce((a, b) => a + b, 0), total);
  }
});

test('a weight of nothing gets nothing', () => {
  assert.deepEqual(split(5, [0, 1, 1]), [0, 3, 2]);
});
