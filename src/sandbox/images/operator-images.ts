import type Docker from 'dockerode';
import type { BuiltImage } from './built-images.ts';
import type { ChosenImage } from './chosen-image.ts';

interface ListedImage {
  readonly name: string;
  readonly present: boolean;
  /** Not missed where nobody asked for it. */
  readonly onDemand: boolean;
  readonly id?: string;
  readonly sizeBytes?: number;
}

/**
 * All images that an operator can name, list, build and remove, on an engine that is looked for when it is needed. So is what reads Dockerfiles and their like: most commands have a use for
 * neither. Errors of all: `engine_unavailable`, `engine_failed`.
 */
export class OperatorImages {
  readonly #docker: () => Promise<Docker>;

  constructor(docker: () => Promise<Docker>) {
    this.#docker = docker;
  }

  /** What `--image` means: a name, a Dockerfile, a devcontainer.json, or a folder with one of these. Errors: `usage`, `config_invalid`. */
  async choose(text: string): Promise<ChosenImage> {
    const [{ ChosenImage }, { readImageRequest }] = await Promise.all([import('./chosen-image.ts'), import('./image-request.ts')]);
    return ChosenImage.of(await readImageRequest(text), this.#docker);
  }

  /** What a policy's `image` means: a name only, because a policy may come from elsewhere than what is built here. Errors: `usage`. */
  async chooseName(text: string): Promise<ChosenImage> {
    const [{ ChosenImage }, { readImageName }] = await Promise.all([import('./chosen-image.ts'), import('./image-request.ts')]);
    return ChosenImage.of(readImageName(text), this.#docker);
  }

  /** Our own. */
  async list(signal?: AbortSignal): Promise<readonly ListedImage[]> {
    const { SandboxImages } = await import('./images.ts');
    const states = await new SandboxImages(await this.#docker()).list(signal);
    return states.map(({ name, reference, onDemand, built }) => ({ name, onDemand, ...(built === undefined ? { present: false } : { present: true, id: reference, sizeBytes: built.sizeBytes }) }));
  }

  /** Those that were built from Dockerfiles of the operator's. */
  async listBuilt(signal?: AbortSignal): Promise<readonly BuiltImage[]> {
    const { BuiltImages } = await import('./built-images.ts');
    return new BuiltImages(await this.#docker()).list(signal);
  }

  /** Builds or pulls what is missing of what is named, all of ours where nothing is; a Dockerfile is always built again. Gives the references. Errors: as ChosenImage.prepare. */
  async build(texts: readonly string[], options: { onProgress: (line: string) => void; signal?: AbortSignal }): Promise<readonly string[]> {
    const { onProgress, signal } = options;
    const { IMAGE_NAMES } = await import('./image-source.ts');
    const references: string[] = [];
    for (const text of texts.length === 0 ? IMAGE_NAMES : texts) {
      const chosen = await this.choose(text);
      for (const note of chosen.notes) onProgress(`${text}: ${note}`);
      const { reference } = await chosen.prepare({ again: true, onLine: (line) => onProgress(`${text}: ${line}`), ...(signal && { signal }) });
      references.push(reference);
    }
    return references;
  }

  /** Removes an image that was built from a Dockerfile. Errors: `usage` for any other, `not_found`. */
  async remove(reference: string): Promise<void> {
    const { BuiltImages } = await import('./built-images.ts');
    await new BuiltImages(await this.#docker()).remove(reference);
  }
}
