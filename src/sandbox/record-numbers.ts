import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { unlessMissingSync } from '../contracts/index.ts';
import { tryToLink } from './link-file.ts';
import { isOwnerDead, ownerText } from './owner.ts';
import type { Owner } from './owner.ts';

/**
 * The numbers of a record's versions, each taken by one process alone: a number is a file beside the record that can be made only once, and
 * says whose it is. Replacing the record itself could not tell whether somebody else was quicker.
 */
export class RecordNumbers {
  readonly #record: string;
  readonly #stateDir: string;

  /** `record`: the path of the file that the numbers are of, in this state folder. */
  constructor(record: string, stateDir: string) {
    this.#record = record;
    this.#stateDir = stateDir;
  }

  /** Takes the next free number after `number` for this process; undefined when somebody else who lives has taken it. */
  takeAfter(number: number, taker: Owner): number | undefined {
    // Processes of two containers may have the same pid.
    const beside = `${this.#record}.${randomBytes(8).toString('hex')}.taking`;
    try {
      writeFileSync(beside, ownerText(taker), { mode: 0o600 });
      for (let next = number + 1; ; next++) {
        if (tryToLink(beside, this.#fileOf(next))) return next;
        // Who died between taking a number and writing the record has wasted it.
        if (!this.#isOfTheDead(next)) return undefined;
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

  #isOfTheDead(number: number): boolean {
    // Gone again: whoever had it has gone on to the next, and lives.
    return isOwnerDead(unlessMissingSync(() => readFileSync(this.#fileOf(number), 'utf8')) ?? '', this.#stateDir);
  }

  #fileOf(number: number): string {
    return `${this.#record}.${number}`;
  }
}
