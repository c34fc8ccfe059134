import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type Docker from 'dockerode';
import { OperatorImages } from '../../src/sandbox/images/index.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';

/** An engine, a folder for Dockerfiles, and nothing left of either when it is disposed of. */
export class ImagesRig implements AsyncDisposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'glovebox-images-')));
  readonly world = new DockerWorld('container');
  readonly images = new OperatorImages(() => this.world.engine.client());
  readonly #built: string[] = [];

  docker(): Promise<Docker> {
    return this.world.engine.client();
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      writeFileSync(join(this.folder, path), text);
    }
  }

  /** Prepares what `--image <path>` says, and what the engine printed on the way. */
  async prepare(path: string, options: { signal?: AbortSignal; again?: boolean } = {}) {
    const lines: string[] = [];
    const chosen = await this.images.choose(path.startsWith('./') ? join(this.folder, path) : path);
    const prepared = await chosen.prepare({ ...options, onLine: (line) => lines.push(line) });
    this.forget(prepared.reference);
    return { ...prepared, name: chosen.name, lines };
  }

  /** The id of the image of a Dockerfile in a folder of its own. */
  async build(name: string, dockerfile: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
    for (const [path, text] of Object.entries({ Dockerfile: dockerfile, ...files })) this.write({ [`${name}/${path}`]: text });
    return (await this.prepare(`./${name}`)).id;
  }

  /** Removes it from the engine in the end, where it is not one of those that tests share. */
  forget(reference: string): void {
    if (!/^(?:debian|glovebox\/(?!build))/.test(reference)) this.#built.push(reference);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const docker = await this.docker();
    for (const reference of new Set(this.#built.toReversed())) await docker.getImage(reference).remove({ force: true }).catch(() => {});
    await this.world[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true });
  }
}
