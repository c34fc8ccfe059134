import type { Reason } from '../contracts/index.ts';

/** A rule, its place, and what it says. */
export function sayReason({ rule, file, line, text }: Reason): string {
  return `${rule}${file === undefined ? '' : ` (${file}:${line})`}: ${text}`;
}
