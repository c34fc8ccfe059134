import type { Effect, Reason } from '../../contracts/index.ts';
import type { DocumentPath, Layer } from '../document/layer.ts';
import { reasonOf } from '../document/layer.ts';
import { Glob } from '../glob.ts';

/** A list of patterns of one layer. */
export class GlobList {
  readonly #layer: Layer;
  readonly #path: DocumentPath;
  readonly #globs: readonly Glob[];

  constructor(layer: Layer, path: DocumentPath, globs: readonly string[], of: 'path' | 'name') {
    this.#layer = layer;
    this.#path = path;
    this.#globs = globs.map((glob) => new Glob(glob, of));
  }

  /** A reason for each pattern that fits. */
  matching(effect: Effect, value: string): Reason[] {
    return this.#reasons(effect, value, (glob) => glob.matches(value), 'fits');
  }

  /** A reason for each pattern that names something inside this folder. */
  inside(effect: Effect, folder: string): Reason[] {
    return this.#reasons(effect, folder, (glob) => glob.reachesInto(folder), 'holds what is named by');
  }

  /** A list that a value has to be in: it says allow by the first pattern that fits, else deny. */
  admit(value: string, effect: 'deny' | 'ask' = 'deny'): Reason {
    const at = this.#globs.findIndex((glob) => glob.matches(value));
    const glob = this.#globs[at];
    if (glob !== undefined) return reasonOf(this.#layer, 'allow', [...this.#path, at], `${value} fits ${glob.text}`);
    return reasonOf(this.#layer, effect, this.#path, `${value} fits none of the list`);
  }

  #reasons(effect: Effect, value: string, fits: (glob: Glob) => boolean, verb: string): Reason[] {
    return this.#globs.flatMap((glob, i) => (fits(glob) ? [reasonOf(this.#layer, effect, [...this.#path, i], `${value} ${verb} ${glob.text}`)] : []));
  }
}

/** The lists that layers state, nearest first. */
export function statedLists(
  layers: readonly Layer[],
  path: DocumentPath,
  read: (layer: Layer) => readonly string[] | undefined,
  of: 'path' | 'name' = 'path',
): readonly GlobList[] {
  return layers.flatMap((layer) => {
    const globs = read(layer);
    return globs === undefined ? [] : [new GlobList(layer, path, globs, of)];
  });
}
