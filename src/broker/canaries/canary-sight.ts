import type { FormIndex } from '../redaction/form-index.ts';

/** So many characters of a canary are no chance. */
const LIKELY = 8;

/** Looks at a stream as it comes, wherever it is cut. No more is held than what is likely to be the beginning of a canary. */
export class CanarySight {
  readonly #index: FormIndex<string>;
  #before = '';
  #held = '';

  constructor(index: FormIndex<string>) {
    this.#index = index;
  }

  /** What is held still. */
  get rest(): string {
    return this.#held;
  }

  /** What may go on of what was held and of this; or the canary that comes up, by its name. */
  see(piece: string): { readonly canary?: string; readonly passed: string } {
    const text = this.#before + this.#held + piece;
    const canary = this.#index.next(text)?.sought.of;
    if (canary !== undefined) return { canary, passed: '' };
    const until = Math.max(this.#before.length, this.#index.begun(text, 0, LIKELY));
    const passed = text.slice(this.#before.length, until);
    this.#held = text.slice(until);
    this.#before = text.slice(Math.max(0, until - this.#index.longest), until);
    return { passed };
  }
}
