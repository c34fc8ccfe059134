import { GloveboxError } from '../contracts/index.ts';
import { IMAGE_NAMES } from './images/index.ts';
import type { ImageName, SandboxImages } from './images/index.ts';

/** Our images by name, on an engine that is looked for at the first question. Errors of all: `engine_unavailable`. */
export class OwnImages {
  readonly #open: () => Promise<SandboxImages>;
  readonly #references = new Map<ImageName, Promise<string>>();

  constructor(open: () => Promise<SandboxImages>) {
    this.#open = open;
  }

  /** What this version of glovebox means by a name. Worked out once: it is a hash over a folder, and asked for at each start of a sandbox. */
  reference(name: ImageName): Promise<string> {
    const known = this.#references.get(name);
    if (known !== undefined) return known;
    const asked = this.#open().then((images) => images.reference(name));
    this.#references.set(name, asked);
    asked.catch(() => this.#references.delete(name));
    return asked;
  }

  async list(signal?: AbortSignal): Promise<readonly { readonly name: string; readonly present: boolean; readonly id?: string }[]> {
    const states = await (await this.#open()).list(signal);
    return states.map(({ name, reference, built }) => (built === undefined ? { name, present: false } : { name, present: true, id: reference }));
  }

  /** Errors: `usage` for a name that is not ours; `image_build_failed`. */
  async build(names: readonly string[], options: { onProgress: (line: string) => void; signal?: AbortSignal }): Promise<void> {
    const { onProgress, signal } = options;
    const wanted = names.length === 0 ? IMAGE_NAMES : names.map(ownName);
    await (await this.#open()).build(wanted, { onProgress: (name, line) => onProgress(`${name}: ${line}`), ...(signal === undefined ? {} : { signal }) });
  }
}

function ownName(name: string): ImageName {
  const known = IMAGE_NAMES.find((candidate) => candidate === name);
  if (known === undefined) throw new GloveboxError('usage', `there is no image called ${JSON.stringify(name)}: ${IMAGE_NAMES.join(', ')}`);
  return known;
}
