import { remainders } from './remainders.js';

/**
 * Splits an amount in whole cents by weights. The shares add up to the total; what rounding leaves over goes, a cent each, to
 * the shares that lost most by it.
 */
export function split(totalCents, weights) {
  if (!Number.isInteger(totalCents)) throw new TypeError('the total is a whole number of cents');
  const sum = weights.reduce((a, b) => a + b, 0);
  if (!(sum > 0)) throw new RangeError('the weights must add up to more than nothing');

  const exact = weights.map((weight) => (totalCents * weight) / sum);
  const shares = exact.map(Math.floor);
  const left = totalCents - shares.reduce((a, b) => a + b, 0);

  const order = remainders(exact);
  for (let i = 0; i < left; i++) shares[i] += 1;
  return shares;
}
