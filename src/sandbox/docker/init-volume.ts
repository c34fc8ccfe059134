import { GloveboxError, type Ownership } from '../../contracts/index.ts';
import type { Engine } from './engine.ts';
import { Label } from './labels.ts';

/** Where init lies in every sandbox. */
export const INIT_FOLDER = '/.glovebox';

/**
 * The volume that brings init into any image. The engine itself copies init into it, when a container of init's image is created with the empty volume
 * mounted over the folder; so a remote engine works as well, and the host needs no file. That container is never started.
 */
export class InitVolume {
  readonly #engine: Engine;
  readonly #ownership: Ownership;
  readonly #reference: () => Promise<string>;
  #name: Promise<string> | undefined;
  #distrusted = false;

  constructor(engine: Engine, ownership: Ownership, reference: () => Promise<string>) {
    this.#engine = engine;
    this.#ownership = ownership;
    this.#reference = reference;
  }

  /** The volume's name, after making sure that it is there. Errors: `image_missing`, `engine_unavailable`, `engine_failed`. */
  ensure(): Promise<string> {
    this.#name ??= this.#fill();
    this.#name.catch(() => this.forget());
    return this.#name;
  }

  /** Looks again at the next `ensure`: somebody may have removed the volume. */
  forget(): void {
    this.#name = undefined;
  }

  /** Its init could not be started: an engine that broke off when it filled it may have left less than a whole one. The next `ensure` makes it anew, if nobody uses it. */
  distrust(): void {
    this.forget();
    this.#distrusted = true;
  }

  /** The name that it has, or would have; undefined when init's image is missing. */
  async current(signal?: AbortSignal): Promise<string | undefined> {
    const image = await this.#engine.image(await this.#reference(), signal);
    return image === undefined ? undefined : volumeName(image.Id);
  }

  async #fill(): Promise<string> {
    const reference = await this.#reference();
    const image = await this.#engine.image(reference);
    if (image === undefined) throw new GloveboxError('image_missing', `the image ${reference} is missing: run \`glovebox images build\``);
    const name = volumeName(image.Id);
    if (this.#distrusted) await this.#engine.removeVolume(name);
    this.#distrusted = false;
    if ((await this.#engine.volume(name)) !== undefined) return name;
    const filler = `${name}-${process.pid}-${Date.now().toString(36)}`;
    try {
      // One call both makes the volume and fills it: whoever sees it needs not wait for anything.
      await this.#engine.create({
        name: filler,
        Image: image.Id,
        Cmd: [`${INIT_FOLDER}/init`],
        Labels: { [Label.init]: name, [Label.owner]: this.#ownership.name },
        HostConfig: {
          NetworkMode: 'none',
          Mounts: [{ Type: 'volume', Source: name, Target: INIT_FOLDER, VolumeOptions: { NoCopy: false, Labels: { [Label.init]: name }, DriverConfig: { Name: 'local', Options: {} } } }],
        },
      });
    } catch (error) {
      await this.#engine.remove(filler).catch(() => undefined);
      // What a full disk, say, left half filled would be taken for a whole one by everybody who comes after.
      await this.#engine.removeVolume(name).catch(() => undefined);
      throw error;
    }
    await this.#engine.remove(filler);
    return name;
  }
}

function volumeName(imageId: string): string {
  return `glovebox-init-${imageId.replace(/^sha256:/, '').slice(0, 12)}`;
}
