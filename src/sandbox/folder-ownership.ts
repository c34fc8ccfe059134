import type { Ownership } from '../contracts/index.ts';
import { currentOwner, isOwnerDead, ownerText } from './owner.ts';
import type { Owner } from './owner.ts';
import { OwnerLocks } from './owner-locks.ts';
import type { OwnerLock } from './owner-locks.ts';

/** What this process owns with a state folder: with a lock there, from the first time that it needs to be somebody's owner until it is disposed of. */
export class FolderOwnership implements Ownership, Disposable {
  readonly #stateDir: string;
  #lock: OwnerLock | undefined;
  #owner: Owner | undefined;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  /** This process. */
  get owner(): Owner {
    this.#owner ??= this.#becomeOwner();
    return this.#owner;
  }

  get name(): string {
    return ownerText(this.owner);
  }

  isDead(name: string): boolean {
    return isOwnerDead(name, this.#stateDir);
  }

  #becomeOwner(): Owner {
    try {
      this.#lock = new OwnerLocks(this.#stateDir).take();
      return { ...currentOwner(), lock: this.#lock.name };
    } catch {
      // On a full disk, say. Without one it can be judged only by who sees its pid, as ever; what it came for may well be done.
      return currentOwner();
    }
  }

  /** Nothing is its own any more. */
  [Symbol.dispose](): void {
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }
}
