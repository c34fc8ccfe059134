import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { describeError, GloveboxError, type Policies, type PolicyFile } from '../contracts/index.ts';
import { CompiledPolicy } from './compiled-policy.ts';
import type { Layer } from './document/layer.ts';
import { nearest } from './document/nearest.ts';
import { readCedar, RULES_FILE } from './document/read-cedar.ts';
import { invalidAt, readPolicy } from './document/read-policy.ts';
import { isAbsent, readBounded, type Versions } from './read-bounded.ts';

const FILE_NAME = 'policy.yaml';
const NAME = /^[a-z][a-z0-9-]{0,63}$/;
/** More policies above one another than this cannot be understood by anybody. */
const MAX_LAYERS = 8;

/** Policies as files: `<directory>/<name>/policy.yaml`, or a path to a file or its folder. */
export class FilePolicies implements Policies {
  readonly #directories: readonly string[];

  /** The first directory that has a name wins. */
  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /** `versions` is told of every file that was looked for, whatever comes of it. */
  async load(nameOrPath: string, versions?: Versions): Promise<PolicyFile> {
    return this.#compile(await this.#read(nameOrPath, undefined, versions), versions);
  }

  /** A policy that is in no file yet, as if it were in this one. Errors: those of `load`. */
  async compile(text: string, file: string): Promise<PolicyFile> {
    return this.#compile(readPolicy(text, file));
  }

  async #compile(first: Layer, versions?: Versions): Promise<PolicyFile> {
    const layers: [Layer, ...Layer[]] = [first];
    for (let layer = first; layer.document.extends !== undefined; ) {
      layer = await this.#readParent(layer, layer.document.extends, layers, versions);
      layers.push(layer);
    }
    return new CompiledPolicy(layers).validate();
  }

  async names(): Promise<readonly string[]> {
    const found = await Promise.all(this.#directories.map(policiesIn));
    return [...new Set(found.flat())].sort();
  }

  async #readParent(child: Layer, parent: string, layers: readonly Layer[], versions: Versions | undefined): Promise<Layer> {
    if (layers.length === MAX_LAYERS) throw invalidAt(child, ['extends'], `extends: expected at most ${MAX_LAYERS} policies above one another, found more`);
    const layer = await this.#read(parent, child, versions);
    if (!layers.some((other) => resolve(other.file) === resolve(layer.file))) return layer;
    const circle = [...layers, layer].map((one) => one.document.name).join(' extends ');
    throw invalidAt(child, ['extends'], `extends: expected a policy that does not extend this one, found a circle: ${circle}`);
  }

  async #read(nameOrPath: string, child: Layer | undefined, versions: Versions | undefined): Promise<Layer> {
    if (!NAME.test(nameOrPath)) return this.#readPath(nameOrPath, child, versions);
    for (const directory of this.#directories) {
      const file = join(directory, nameOrPath, FILE_NAME);
      const text = await readBounded(file, versions);
      if (text === undefined) continue;
      const layer = await withRules(readPolicy(text, file), versions);
      if (layer.document.name === nameOrPath) return layer;
      throw invalidAt(layer, ['name'], `name: expected ${nameOrPath}, the name of its folder, found ${layer.document.name}`);
    }
    throw await this.#notFound(nameOrPath, child);
  }

  /** In `extends`, a path is relative to the file that says it. */
  async #readPath(path: string, child: Layer | undefined, versions: Versions | undefined): Promise<Layer> {
    const file = child === undefined ? path : resolve(dirname(child.file), path);
    for (const candidate of [file, join(file, FILE_NAME)]) {
      const text = await readBounded(candidate, versions);
      if (text !== undefined) return withRules(readPolicy(text, candidate), versions);
    }
    throw await this.#notFound(path, child);
  }

  async #notFound(wanted: string, child: Layer | undefined): Promise<GloveboxError> {
    const names = await this.names();
    const meant = nearest(wanted, names);
    const hint = meant === undefined ? `there are ${names.join(', ') || 'none'}` : `did you mean ${meant}?`;
    const where = child === undefined ? '' : `${child.file}:${child.lineOf(['extends'])}: `;
    const message = `${where}there is no policy ${wanted} in ${this.#directories.join(', ')}, nor a file of that path: ${hint}`;
    return new GloveboxError('policy_not_found', message, { details: { policy: wanted } });
  }
}

async function withRules(layer: Layer, versions: Versions | undefined): Promise<Layer> {
  const file = join(dirname(layer.file), RULES_FILE);
  const text = await readBounded(file, versions);
  return text === undefined ? layer : { ...layer, raw: readCedar(text, file) };
}

async function policiesIn(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { recursive: false });
    const there = await Promise.all(entries.map(async (name) => NAME.test(name) && (await readBounded(join(directory, name, FILE_NAME))) !== undefined));
    return entries.filter((_, i) => there[i]);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw new GloveboxError('policy_not_found', `cannot look for policies in ${directory}: ${describeError(error)}`, { cause: error });
  }
}
