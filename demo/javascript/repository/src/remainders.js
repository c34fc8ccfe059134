/** The places of the amounts, the one that loses most by rounding down first; equal ones keep their order. */
export function remainders(amounts) {
  const lost = amounts.map((amount) => amount - Math.floor(amount));
  return lost.map((_, place) => place).sort((a, b) => lost[b] - lost[a] || a - b);
}
