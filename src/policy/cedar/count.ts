/**
 * Cedar counts in whole numbers of 64 bits, of which JavaScript can hand over those up to 2^53. This one stands for more than any of them, and for what is
 * no amount at all (NaN, below zero): no ceiling is as high.
 */
const BEYOND = Number.MAX_SAFE_INTEGER;

/** A quantity of a request as Cedar counts it, rounded up. */
export function count(amount: number, perUnit = 1): number {
  // Written so that NaN is beyond, too.
  if (!(amount >= 0)) return BEYOND;
  return Math.min(Math.max(Math.ceil(amount * perUnit - tolerance(perUnit)), 0), BEYOND);
}

/** A ceiling of a policy as Cedar counts it, rounded down. */
export function ceilingOf(amount: number, perUnit = 1): number {
  return Math.min(Math.floor(amount * perUnit + tolerance(perUnit)), BEYOND - 1);
}

/** Sums of prices are not exact: less than a hundredth of what is counted in is not over. */
function tolerance(perUnit: number): number {
  return perUnit === 1 ? 0 : 0.01;
}
