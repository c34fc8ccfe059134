import { z } from 'zod';
import { describeError, GloveboxError, REGISTRY_KINDS, type RegistryKind } from '../../contracts/index.ts';
import type { OperatorFiles } from './operator-files.ts';
import { type ClientConfiguration, distinct, placeAt } from './registry-place.ts';

interface Client {
  /** Its reader, with the parser of its format: loaded when somebody asks for this kind. */
  readonly open: () => Promise<(files: OperatorFiles) => Promise<ClientConfiguration>>;
  /** What an operator writes, and where, for whom nothing says where it is. */
  readonly remedy: string;
}

const CLIENTS: Readonly<Record<RegistryKind, Client>> = {
  npm: { open: async () => (await import('./npm.ts')).npmConfiguration, remedy: 'registry=https://… into ~/.npmrc' },
  pypi: { open: async () => (await import('./pip.ts')).pipConfiguration, remedy: 'index-url = https://…/simple into [global] of ~/.config/pip/pip.conf' },
  cargo: { open: async () => (await import('./cargo.ts')).cargoConfiguration, remedy: '[source.crates-io] with replace-with, and the source that it names with registry = "sparse+https://…/", into ~/.cargo/config.toml' },
  debian: { open: async () => (await import('./apt.ts')).aptConfiguration, remedy: 'deb https://… lines into /etc/apt/sources.list' },
  go: { open: async () => (await import('./go.ts')).goConfiguration, remedy: 'GOPROXY=https://… into ~/.config/go/env' },
  maven: { open: async () => (await import('./maven.ts')).mavenConfiguration, remedy: 'a <mirror> into ~/.m2/settings.xml' },
  rubygems: { open: async () => (await import('./rubygems.ts')).gemConfiguration, remedy: ':sources: [https://…] into ~/.gemrc' },
};

/** What no client's configuration has: other places that a registry leads to. */
const document = z.partialRecord(z.enum(REGISTRY_KINDS), z.strictObject({ also: z.array(z.string()) }));

/** Finds the registries that the operator's own clients use. */
export class OperatorRegistries {
  readonly #files: OperatorFiles;
  readonly #file: string;

  /** `file`: `<kind>: { also: [https://…] }`; it need not be there. */
  constructor({ files, file }: { readonly files: OperatorFiles; readonly file: string }) {
    this.#files = files;
    this.#file = file;
  }

  /** Each with one place at least. Errors: `config_invalid`. */
  async find(kinds: readonly RegistryKind[]): Promise<readonly ClientConfiguration[]> {
    return kinds.length === 0 ? [] : await this.#find(kinds, await this.#also());
  }

  async #find(kinds: readonly RegistryKind[], also: z.output<typeof document>): Promise<readonly ClientConfiguration[]> {
    const found: ClientConfiguration[] = [];
    for (const kind of kinds) {
      const { open, remedy } = CLIENTS[kind];
      const read = await open();
      const configuration = await read(this.#files);
      if (configuration.places.length === 0) throw new GloveboxError('config_invalid', `registries: [${kind}]: nothing on this machine says where its registry is: write ${remedy}${configuration.notes.map((note) => `; ${note}`).join('')}`);
      const notes = [...configuration.notes];
      const more = (also[kind]?.also ?? []).map((address) => placeAt(address, this.#file, notes));
      found.push({ ...configuration, places: distinct([...configuration.places, ...more]), notes });
    }
    return found;
  }

  async #also(): Promise<z.output<typeof document>> {
    const text = await this.#files.text(this.#file);
    if (text === undefined) return {};
    const { parse } = await import('yaml');
    try {
      return document.parse(parse(text) ?? {});
    } catch (error) {
      const why = error instanceof z.ZodError ? `${error.issues[0]?.path.join('.') ?? ''}: ${error.issues[0]?.message ?? ''}` : describeError(error);
      throw new GloveboxError('config_invalid', `${this.#file}: expected <kind>: { also: [https://…] }: ${why}`, { cause: error });
    }
  }
}
