/** By what name this process has what it holds, borrows and begins, and whether the process of another name is dead. */
export interface Ownership {
  readonly name: string;
  /** False where it cannot be judged from here: what that one has is not ours to touch. */
  isDead(name: string): boolean;
}
