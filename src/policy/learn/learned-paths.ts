import { type Seen, type Sighting, Sightings } from './evidence.ts';
import { folderOf, globOf, isWithin, type PathRange } from './path-globs.ts';

/** Paths, one by one or by their folders. */
export class LearnedPaths {
  readonly #paths = new Sightings<PathRange>();
  readonly #byFolder: boolean;

  constructor(byFolder: boolean) {
    this.#byFolder = byFolder;
  }

  get size(): number {
    return this.#paths.size;
  }

  /** `isFolder`: what was asked for is a folder as such. */
  add(path: string, sighting: Sighting, isFolder = false): void {
    this.#paths.add({ path, isFolder: isFolder && this.#byFolder && path !== '/' }, sighting);
  }

  globs(): readonly Seen<string>[] {
    const ranges = this.#paths.widened(this.#byFolder ? folderOf : (range) => range, { covers: ({ isFolder }) => isFolder, isWithin });
    return ranges.map(({ value, evidence }) => ({ value: globOf(value), evidence }));
  }
}
