import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { unlessMissingSync } from '../contracts/index.ts';
import { currentOwner, isOwnerDead, ownerText } from './owner.ts';

/**
 * The numbers of a record's versions, each taken by one process alone: a number is a file beside the record that can be made only once, and
 * says whose it is. Replacing the record itself could not tell whether somebody else was quicker.
 */
export class RecordNumbers {
  readonly #record: string;

  /** `record`: the path of the file that the numbers are of. */
  constructor(record: string) {
    this.#record = record;
  }

  /** Takes the next free number after `number`; undefined when somebody else who lives has taken it. */
  takeAfter(number: number): number | undefined {
    const beside = `${this.#record}.${process.pid}.taking`;
    try {
      writeFileSync(beside, ownerText(currentOwner()), { mode: 0o600 });
      for (let next = number + 1; ; next++) {
        if (tryToLink(beside, this.#fileOf(next))) return next;
        // Who died between taking a number and writing the record has wasted it.
        if (!isOfTheDead(this.#fileOf(next))) return undefined;
      }
    } finally {
      rmSync(beside, { force: true });
    }
  }

  /** Forgets a number: one that was never used, or one that no record has any more. */
  forget(number: number): void {
    rmSync(this.#fileOf(number), { force: true });
  }

  /** Idempotent. */
  forgetAll(): void {
    const prefix = `${basename(this.#record)}.`;
    for (const name of unlessMissingSync(() => readdirSync(dirname(this.#record))) ?? []) {
      if (name.startsWith(prefix)) rmSync(join(dirname(this.#record), name), { force: true });
    }
  }

  #fileOf(number: number): string {
    return `${this.#record}.${number}`;
  }
}

/** A link appears with its whole content, and never in the place of another. */
function tryToLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isOfTheDead(file: string): boolean {
  // Gone again: whoever had it has gone on to the next, and lives.
  return isOwnerDead(unlessMissingSync(() => readFileSync(file, 'utf8')) ?? '');
}
