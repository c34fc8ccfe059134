/** How long a circuit breaker of cockatiel leaves alone what it broke off with, as its `halfOpenAfter`. */
interface Rest {
  readonly duration: number;
  next(): Rest;
}

/**
 * By a clock that cannot be set. The breaker compares `duration` with what the wall clock says has passed, and once that is set back an hour it would rest for an hour;
 * so what it is told is only whether the rest is over.
 */
export function steadyRest(milliseconds: number): Pick<Rest, 'next'> {
  return {
    next: () => {
      const overMs = performance.now() + milliseconds;
      return {
        get duration() {
          return performance.now() < overMs ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
        },
        next: () => steadyRest(milliseconds).next(),
      };
    },
  };
}
