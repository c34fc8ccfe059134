import { InvalidArgumentError } from 'commander';
import { duration } from '../contracts/index.ts';

/** `90s`, `2m`: milliseconds. */
export function durationOption(text: string): number {
  const parsed = duration.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('Expected a duration such as 90s, 2m or 1h.');
}

/** A number above zero. */
export function positiveOption(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}

export function countOption(text: string): number {
  const value = positiveOption(text);
  if (Number.isInteger(value)) return value;
  throw new InvalidArgumentError('Expected a whole number above 0.');
}
