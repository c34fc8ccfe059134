import type { ImageName, SandboxImages } from './images/index.ts';

/** What this version of glovebox means by the names of its own images. The engine is looked for at the first question. Errors: `engine_unavailable`. */
export class OwnImages {
  readonly #open: () => Promise<SandboxImages>;
  readonly #references = new Map<ImageName, Promise<string>>();

  constructor(open: () => Promise<SandboxImages>) {
    this.#open = open;
  }

  /** Worked out once: it is a hash over a folder, and asked for at each start of a sandbox. */
  reference(name: ImageName): Promise<string> {
    const known = this.#references.get(name);
    if (known !== undefined) return known;
    const asked = this.#open().then((images) => images.reference(name));
    this.#references.set(name, asked);
    asked.catch(() => this.#references.delete(name));
    return asked;
  }
}
