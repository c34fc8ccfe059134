import { linkSync } from 'node:fs';

/** A second name for a file, which appears with its whole content, and never in the place of another; false where there is one of that name. */
export function tryToLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
