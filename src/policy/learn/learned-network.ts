import type { DecisionRequest } from '../../contracts/index.ts';
import { isAddress } from '../canonical-host.ts';
import { Evidence, type Seen, type Sighting, Sightings } from './evidence.ts';
import { LearnedPaths } from './learned-paths.ts';

type NetworkRequest = Extract<DecisionRequest, { action: 'network.connect' }>;

/** As `network` says it. */
export interface DestinationRule {
  readonly host: string;
  readonly port?: number;
  readonly tcp?: number;
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
}

/** A place, and what was done there; neither where that was not known. */
interface Visit {
  readonly place: Pick<DestinationRule, 'host' | 'port' | 'tcp'>;
  readonly http?: { readonly method: string; readonly path: string };
}

/** Hosts, with the methods and paths that were asked for. */
export class LearnedNetwork {
  readonly #visits = new Sightings<Visit>();
  readonly #generalize: { readonly hosts: boolean; readonly paths: boolean };

  constructor(generalize: { readonly hosts: boolean; readonly paths: boolean }) {
    this.#generalize = generalize;
  }

  get size(): number {
    return this.#visits.size;
  }

  /** False where no rule can say such a destination. */
  add({ host, scheme, port, method, path }: NetworkRequest, sighting: Sighting): boolean {
    const place = placeOf(host, scheme, port);
    // A rule's methods are in capitals, and come with paths.
    if (place === undefined || (method === undefined) !== (path === undefined) || method !== method?.toUpperCase()) return false;
    this.#visits.add({ place, ...(method === undefined || path === undefined ? {} : { http: { method, path: path.replace(/\?.*$/s, '') } }) }, sighting);
    return true;
  }

  /** One rule for each place and all of its methods that have the same paths: a rule allows each of its methods on each of its paths. */
  rules(): readonly Seen<DestinationRule>[] {
    const hosts = this.#generalize.hosts ? sharedDomains(this.#visits.all().map(({ value }) => value.place.host)) : NONE;
    const places = new Map<string, { readonly place: Visit['place']; readonly visits: Seen<Visit>[] }>();
    for (const seen of this.#visits.all()) {
      const place = { ...seen.value.place, host: hosts.get(seen.value.place.host) ?? seen.value.place.host };
      const key = JSON.stringify(place);
      const known = places.get(key) ?? { place, visits: [] };
      known.visits.push(seen);
      places.set(key, known);
    }
    return [...places.values()].flatMap(({ place, visits }) => this.#rulesOf(place, visits));
  }

  #rulesOf(place: Visit['place'], visits: readonly Seen<Visit>[]): Seen<DestinationRule>[] {
    if (visits.some(({ value }) => value.http === undefined)) return [{ value: place, evidence: evidenceOf(visits) }];
    const byPaths = new Map<string, { methods: string[]; paths: readonly string[]; visits: Seen<Visit>[] }>();
    for (const [method, of] of [...Map.groupBy(visits, ({ value }) => value.http?.method ?? '')].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const paths = this.#pathsOf(of);
      const known = byPaths.get(JSON.stringify(paths)) ?? { methods: [], paths, visits: [] };
      byPaths.set(JSON.stringify(paths), { ...known, methods: [...known.methods, method], visits: [...known.visits, ...of] });
    }
    return [...byPaths.values()].map(({ methods, paths, visits: of }) => ({ value: { ...place, methods, paths }, evidence: evidenceOf(of) }));
  }

  #pathsOf(visits: readonly Seen<Visit>[]): readonly string[] {
    const paths = new LearnedPaths(this.#generalize.paths);
    for (const { value } of visits) paths.add(value.http?.path ?? '/', NOBODY);
    return paths.globs().map(({ value }) => value).sort();
  }
}

const NONE: ReadonlyMap<string, string> = new Map();
/** What a place's paths rest on is said at the place. */
const NOBODY: Sighting = { stream: '', timeMs: 0, approved: false };

function evidenceOf(visits: readonly Seen<Visit>[]): Evidence {
  const evidence = new Evidence();
  for (const visit of visits) evidence.take(visit.evidence);
  return evidence;
}

function placeOf(host: string, scheme: NetworkRequest['scheme'], port: number): Visit['place'] | undefined {
  if (scheme === 'tcp') return { host, tcp: port };
  if (port === 443) return scheme === 'https' ? { host } : undefined;
  if (port === 80) return scheme === 'http' ? { host, port } : undefined;
  return { host, port };
}

/** For each host under a domain that several share that domain, the widest: `*.example.test`. Never one that registries hand names out under, as far as that can be told. */
function sharedDomains(hosts: readonly string[]): ReadonlyMap<string, string> {
  const names = [...new Set(hosts)].filter((host) => !isAddress(host));
  const byDomain = Map.groupBy(names, (host) => host.slice(host.indexOf('.') + 1));
  const shared = [...byDomain].filter(([domain, members]) => members.length > 1 && !isHandedOut(domain)).map(([domain]) => domain);
  shared.sort((a, b) => a.length - b.length);
  return new Map(
    names.flatMap((host): [string, string][] => {
      const domain = shared.find((one) => host.endsWith(`.${one}`));
      return domain === undefined ? [] : [[host, `*.${domain}`]];
    }),
  );
}

/** `test`, `co.uk`. */
function isHandedOut(domain: string): boolean {
  const [last = '', second = '', ...more] = domain.split('.').reverse();
  return second === '' || (more.length === 0 && last.length === 2 && second.length <= 3);
}
