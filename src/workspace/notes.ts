import { quoted } from './tree-path.ts';

const EXAMPLES = 3;

/** What a capture left out or did not understand, one sentence a kind with the first few names. */
export class Notes {
  readonly #names = new Map<string, Set<string>>();

  /** `sentence` says what happened to all of them: `sockets and devices are left out`. */
  add(sentence: string, name: string): void {
    const names = this.#names.get(sentence) ?? new Set();
    names.add(name);
    this.#names.set(sentence, names);
  }

  /** The sentences, the same for the same tree in whatever order it was read: `sockets and devices are left out: "a", "b", "c" and 4 more`. */
  tell(onNote: (note: string) => void): void {
    for (const [sentence, names] of this.#names) {
      const more = names.size > EXAMPLES ? ` and ${names.size - EXAMPLES} more` : '';
      onNote(`${sentence}: ${Array.from(names).toSorted().slice(0, EXAMPLES).map(quoted).join(', ')}${more}`);
    }
  }
}
