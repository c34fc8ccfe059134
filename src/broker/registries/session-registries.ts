import { join } from 'node:path';
import type { CredentialGrant, EgressRequest, EventData, NetworkDestination, NetworkGrant, RegistryKind } from '../../contracts/index.ts';
import type { CredentialProvider } from '../credentials/provider.ts';
import type { Asked } from '../egress/asked.ts';
import type { ClientConfiguration, Inside, RegistryPlace } from './registry-place.ts';

interface Known {
  readonly kind: RegistryKind;
  readonly place: RegistryPlace;
  /** Of its credential; no id of a policy has a colon. */
  readonly id: string | undefined;
}

/** `@scope%2fname`, as npm asks for it: one encoded slash, right after the scope. */
const SCOPED = /^(@[A-Za-z0-9._~-]+)%2f([A-Za-z0-9._~-]+)(?=[/?]|$)/i;

/** The registries that one session may be allowed to read from: where they are, what goes there, and how clients inside find them. */
export class SessionRegistries {
  readonly #configurations: readonly ClientConfiguration[];
  readonly #known: readonly Known[];
  readonly #installScripts: boolean;

  constructor(configurations: readonly ClientConfiguration[], { installScripts }: { readonly installScripts: boolean }) {
    this.#configurations = configurations;
    this.#installScripts = installScripts;
    this.#known = configurations.flatMap(({ kind, places }) => places.map((place, i): Known => ({ kind, place, id: place.credential === undefined ? undefined : `registry:${kind}${i === 0 ? '' : `:${i + 1}`}` })));
  }

  get destinations(): readonly NetworkDestination[] {
    return this.#known.map(({ place: { url } }) => ({ host: url.hostname, port: portOf(url), tcp: false }));
  }

  /** Where a way out listens in a sandbox: at what the policy names, and at the registries. */
  portsBeside({ destinations }: Pick<NetworkGrant, 'destinations'>): readonly number[] {
    return [...new Set([...destinations, ...this.destinations].map(({ port }) => port))];
  }

  /** What the operator's clients would send; it is not asked for again while the session lasts. */
  get providers(): ReadonlyMap<string, CredentialProvider> {
    return new Map(
      this.#known.flatMap(({ id, place: { credential } }): [string, CredentialProvider][] =>
        id === undefined || credential === undefined ? [] : [[id, { lend: async () => ({ value: credential.secret, untilMs: Number.MAX_SAFE_INTEGER }), revoke: async () => {} }]],
      ),
    );
  }

  get grants(): readonly CredentialGrant[] {
    return this.#known.flatMap(({ id }) => (id === undefined ? [] : [{ id, variable: variableOf(id), inBody: false }]));
  }

  /** PEM of who is trusted there, beside those that this machine trusts; undefined where there is no registry. */
  authoritiesAt({ host, port }: Pick<Asked, 'host' | 'port'>): readonly string[] | undefined {
    const here = this.#known.filter(({ place: { url } }) => url.hostname === host && portOf(url) === port);
    return here.length === 0 ? undefined : [...new Set(here.flatMap(({ place: { ca } }) => ca ?? []))];
  }

  /**
   * What a request reads from, and its path as policy is asked about it. The encoded slash of a scoped package is a slash to npm's registries, and nowhere else: there it is written
   * as one, and everywhere else it is not canonical.
   */
  see({ scheme, host, port, path }: Pick<Asked, 'scheme' | 'host' | 'port' | 'path'>): Pick<Asked, 'path' | 'registries'> {
    if (this.#known.length === 0) return { path, registries: [] };
    const here = this.#known.filter(({ place: { url } }) => url.protocol === `${scheme}:` && url.hostname === host && portOf(url) === port);
    const base = here.filter(({ kind, place: { url } }) => kind === 'npm' && path.startsWith(url.pathname)).map(({ place }) => place.url.pathname).find((one) => SCOPED.test(path.slice(one.length)));
    const seen = base === undefined ? path : `${base}${path.slice(base.length).replace(SCOPED, '$1/$2')}`;
    return { path: seen, registries: [...new Set(here.filter(({ place }) => isBelow(seen, place.url)).map(({ kind }) => kind))] };
  }

  /** A question about a credential says whether the operator has it for that place. */
  named(request: EgressRequest): EgressRequest {
    if (request.action !== 'credential.use') return request;
    const found = this.#known.find(({ id }) => id === request.credential);
    if (found === undefined) return request;
    const { url } = found.place;
    const isThere = url.protocol === `${request.scheme}:` && url.hostname === request.host && portOf(url) === request.port && isBelow(request.path, url);
    return isThere ? { ...request, registry: found.kind } : request;
  }

  /** `placeholders` by variable, as credentials have theirs. */
  provisions(folder: string, placeholders: Readonly<Record<string, string>>): { readonly env: Readonly<Record<string, string>>; readonly files: Readonly<Record<string, Buffer>> } {
    const all = this.#configurations.map((configuration) => configuration.provisions(this.#inside(folder, configuration.kind, placeholders)));
    const files = all.flatMap(({ files: named = {} }) => Object.entries(named).map(([name, content]) => [join(folder, name), Buffer.from(content)] as const));
    return { env: Object.assign({}, ...all.map(({ env }) => env)) as Record<string, string>, files: Object.fromEntries(files) }; // a merge of such records is one
  }

  /** What the journal is told: where they were found to be, and no secret. */
  get events(): readonly EventData['egress.registry'][] {
    return this.#configurations.map(({ kind, notes }) => ({
      kind,
      places: this.#known.filter((one) => one.kind === kind).map(({ id, place: { url, from, ca } }) => ({ url: url.href, from, ...(id === undefined ? {} : { credential: id }), ...(ca === undefined ? {} : { ownAuthority: true as const }) })),
      ...(notes.length === 0 ? {} : { notes }),
    }));
  }

  #inside(folder: string, kind: RegistryKind, placeholders: Readonly<Record<string, string>>): Inside {
    const placeholder = ({ url }: RegistryPlace): string | undefined => {
      const id = this.#known.find((one) => one.kind === kind && one.place.url.href === url.href)?.id;
      return id === undefined ? undefined : placeholders[variableOf(id)];
    };
    const address = (place: RegistryPlace): string => {
      const stand = placeholder(place);
      const url = new URL(place.url);
      if (stand === undefined) return url.href;
      url.username = encodeURIComponent(place.credential?.user ?? stand);
      if (place.credential?.user !== undefined) url.password = encodeURIComponent(stand);
      return url.href;
    };
    return { folder, placeholder, address, installScripts: this.#installScripts };
  }
}

function variableOf(id: string): string {
  return `GLOVEBOX_${id.replaceAll(':', '_').toUpperCase()}`;
}

function portOf({ protocol, port }: URL): number {
  return port !== '' ? Number(port) : protocol === 'https:' ? 443 : 80;
}

/** Also the place itself without its last slash. */
function isBelow(path: string, { pathname }: URL): boolean {
  const bare = path.replace(/\?.*$/s, '');
  return bare.startsWith(pathname) || `${bare}/` === pathname;
}
