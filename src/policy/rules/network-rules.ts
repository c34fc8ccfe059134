import type { DecisionRequest, PolicyDocument, Reason } from '../../contracts/index.ts';
import { canonicalHost, isAddress } from '../canonical-host.ts';
import type { Layer } from '../document/layer.ts';
import { reasonOf } from '../document/layer.ts';
import { Glob } from '../glob.ts';
import { byDefault, orDefault, type Reasons } from '../verdict.ts';

type NetworkRequest = Extract<DecisionRequest, { action: 'network.connect' }>;
type Destination = Extract<NonNullable<PolicyDocument['network']>[number], { host: string }>;

const HTTPS_PORT = 443;
const HTTP_PORT = 80;
/** `{owner}`: a variable of the session, not a choice of one. */
const VARIABLE = /\{[a-z_]+\}/;

/** `network`: the only destinations there are. A layer that states it must have the destination in its list. */
export class NetworkRules {
  readonly #layers: readonly LayerRules[];

  constructor(layers: readonly Layer[]) {
    this.#layers = layers.filter((layer) => layer.document.network !== undefined).map((layer) => new LayerRules(layer));
  }

  judge(request: NetworkRequest): Reasons {
    if (!canonicalHost(request.host)) return byDefault('deny', `${JSON.stringify(request.host)} is not the canonical form of a host`);
    if (request.path !== undefined && !isCanonicalPath(request.path)) return byDefault('deny', `${JSON.stringify(request.path)} is not a canonical path`);
    return orDefault(this.#layers.map((layer) => layer.judge(request)), CLOSED);
  }
}

const CLOSED = byDefault('deny', 'this policy opens no network');

class LayerRules {
  readonly #layer: Layer;
  readonly #rules: readonly (DestinationRule | string)[];

  constructor(layer: Layer) {
    this.#layer = layer;
    this.#rules = (layer.document.network ?? []).map((rule) => ('registries' in rule ? 'registries are not resolved yet' : new DestinationRule(rule)));
  }

  judge(request: NetworkRequest): Reason {
    const target = `${request.scheme}://${request.host}:${request.port}`;
    const unbound: string[] = [];
    for (const [i, rule] of this.#rules.entries()) {
      if (typeof rule === 'string') unbound.push(`network[${i}]: ${rule}`);
      else if (rule.unbound !== undefined && rule.reaches(request)) unbound.push(`network[${i}]: ${rule.unbound}`);
      else if (rule.matches(request)) return reasonOf(this.#layer, 'allow', ['network', i], `${target} is ${rule.host}`);
    }
    const missed = unbound.length === 0 ? '' : ` (${unbound.join('; ')})`;
    const what = `${request.method ?? ''} ${target}${request.path ?? ''}`.trim();
    return reasonOf(this.#layer, 'deny', ['network'], `${what} is not in the list${missed}`);
  }
}

class DestinationRule {
  readonly host: string;
  /** Why it cannot match yet. */
  readonly unbound: string | undefined;
  readonly #rule: Destination;
  readonly #methods: ReadonlySet<string> | undefined;
  readonly #paths: readonly Glob[] | undefined;

  constructor(rule: Destination) {
    this.host = rule.host;
    this.#rule = rule;
    this.unbound = rule.paths?.some((path) => VARIABLE.test(path)) === true ? 'its variables are not bound yet' : undefined;
    this.#methods = rule.methods === undefined ? undefined : new Set(rule.methods.map((method) => method.toUpperCase()));
    this.#paths = rule.paths?.map((path) => new Glob(path));
  }

  matches(request: NetworkRequest): boolean {
    return this.reaches(request) && this.#allowsMethod(request.method) && this.#allowsPath(request.path);
  }

  reaches(request: NetworkRequest): boolean {
    return this.#isHost(request.host) && this.#isPort(request);
  }

  /** `*.example.com` is every name under it, never the name itself, and never an address. */
  #isHost(host: string): boolean {
    if (!this.host.startsWith('*.')) return host === this.host;
    return host.endsWith(this.host.slice(1)) && host.length > this.host.length - 1 && !isAddress(host);
  }

  /** Plain HTTP has to be asked for by its port: a rule without one means HTTPS. */
  #isPort({ scheme, port }: NetworkRequest): boolean {
    if (scheme === 'tcp' || this.#rule.tcp !== undefined) return scheme === 'tcp' && port === this.#rule.tcp;
    const wanted = this.#rule.port ?? HTTPS_PORT;
    if (port !== wanted) return false;
    if (wanted === HTTPS_PORT) return scheme === 'https';
    return wanted !== HTTP_PORT || scheme === 'http';
  }

  #allowsMethod(method: string | undefined): boolean {
    return this.#methods === undefined || (method !== undefined && this.#methods.has(method));
  }

  #allowsPath(path: string | undefined): boolean {
    if (this.#paths === undefined) return true;
    if (path === undefined) return false;
    const query = path.indexOf('?');
    const bare = query === -1 ? path : path.slice(0, query);
    return this.#paths.some((glob) => glob.matches(bare));
  }
}

/** No form that a server might read as another path: dots, doubled slashes, backslashes, or these in percent encoding. */
function isCanonicalPath(path: string): boolean {
  const query = path.indexOf('?');
  const bare = query === -1 ? path : path.slice(0, query);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return bare.startsWith('/') && !/[\u0000-\u0020\u007f\\#]|\/\/|\/\.{1,2}(?:\/|$)|%(?:2e|2f|5c|00)/i.test(bare);
}
