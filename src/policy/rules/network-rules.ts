import type { DecisionRequest } from '../../contracts/index.ts';
import { canonicalHost, isAddress } from '../canonical-host.ts';
import { globCondition } from '../cedar/glob-condition.ts';
import { type ActionRules, type CedarRule, defaultRule, type Facts, placedRule, ruleId } from '../cedar/rule.ts';
import { anyOf, pattern, quote, setOf } from '../cedar/text.ts';
import { HTTPS_PORT, type NetworkRule, unboundBy } from '../destinations.ts';
import type { DocumentPath, PlacedLayer } from '../document/layer.ts';
import { Glob } from '../glob.ts';
import { depthOf } from './file-rules.ts';

type NetworkRequest = Extract<DecisionRequest, { action: 'network.connect' }>;
type Destination = Extract<NetworkRule, { host: string }>;

interface NetworkFacts extends Facts {
  readonly request: NetworkRequest;
}

const HTTP_PORT = 80;

/** `network`: the only destinations there are. A layer that states it must have the destination in its list. */
export class NetworkRules implements ActionRules<NetworkRequest, NetworkFacts> {
  readonly rules: readonly CedarRule<NetworkFacts>[];
  readonly #layers: readonly LayerRules[];

  constructor(layers: readonly PlacedLayer[]) {
    this.#layers = layers.filter(({ document }) => document.network !== undefined).map((layer) => new LayerRules(layer));
    this.rules = this.#layers.length === 0 ? [CLOSED] : this.#layers.flatMap((layer) => layer.rules);
  }

  facts(request: NetworkRequest): NetworkFacts | string {
    const { scheme, host, port, method, path } = request;
    if (!canonicalHost(host)) return `${JSON.stringify(host)} is not the canonical form of a host`;
    if (path !== undefined && !isCanonicalPath(path)) return `${JSON.stringify(path)} is not a canonical path`;
    if (method?.isWellFormed() === false) return `${JSON.stringify(method)} is not Unicode`;
    if (!Number.isSafeInteger(port)) return `${port} is no port`;
    const bare = path === undefined ? undefined : withoutQuery(path);
    const fits = bare === undefined ? [] : this.#layers.flatMap((layer) => layer.fitting(bare));
    const http = { ...(method === undefined ? {} : { method }), ...(bare === undefined ? {} : { path: bare, depth: depthOf(bare) }) };
    return { resource: host, request, context: { scheme, host, address: isAddress(host), port, private: request.private === true, ...http, fits } };
  }
}

const CLOSED = defaultRule('deny', 'this policy opens no network');

class LayerRules {
  readonly rules: readonly CedarRule<NetworkFacts>[];
  readonly #entries: readonly (DestinationRule | UnboundRule)[];

  constructor(layer: PlacedLayer) {
    this.#entries = (layer.document.network ?? []).map((rule, i) => {
      const unbound = unboundBy(rule);
      if (unbound !== undefined || !('host' in rule)) return new UnboundRule(i, 'host' in rule ? rule.host : undefined, unbound ?? 'it names no host');
      return new DestinationRule(rule, ['network', i], ruleId(layer, ['network', i]));
    });
    const bound = this.#entries.filter((one) => one instanceof DestinationRule);
    const closed = bound.length === 0 ? {} : { unless: anyOf(bound.map(({ condition }) => condition)) };
    this.rules = [
      placedRule(layer, ['network'], { says: 'deny', ...closed, texts: ({ request }) => [this.#missed(request)] }),
      ...bound.map(({ host, condition, path }) =>
        placedRule<NetworkFacts>(layer, path, { says: 'allow', when: condition, list: ruleId(layer, ['network']), texts: ({ request }) => [`${target(request)} is ${host}`] }),
      ),
    ];
  }

  fitting(path: string): string[] {
    return this.#entries.flatMap((one) => (one instanceof DestinationRule ? one.fitting(path) : []));
  }

  #missed(request: NetworkRequest): string {
    const unbound = this.#entries.flatMap((one) => (one instanceof UnboundRule && one.mayMean(request) ? [`network[${one.at}]: ${one.why}`] : []));
    const missed = unbound.length === 0 ? '' : ` (${unbound.join('; ')})`;
    return `${`${request.method ?? ''} ${target(request)}${request.path ?? ''}`.trim()} is not in the list${missed}`;
  }
}

function target({ scheme, host, port, private: isPrivate }: NetworkRequest): string {
  return `${scheme}://${host}:${port}${isPrivate === true ? ' in a private network' : ''}`;
}

/** It matches nothing yet, and who is refused is told why. */
class UnboundRule {
  readonly at: number;
  readonly why: string;
  readonly #host: string | undefined;

  constructor(at: number, host: string | undefined, why: string) {
    this.at = at;
    this.why = why;
    this.#host = host;
  }

  mayMean({ host }: NetworkRequest): boolean {
    return this.#host === undefined || this.#host === host || (this.#host.startsWith('*.') && host.endsWith(this.#host.slice(1)));
  }
}

/** One destination of a list, as a condition on facts with `scheme`, `host`, `address`, `port`, `private`, `method`, `path` and `depth`. */
export class DestinationRule {
  readonly host: string;
  readonly path: DocumentPath;
  readonly condition: string;
  readonly #fact: string;
  /** Patterns that Cedar cannot say. */
  readonly #globs: readonly Glob[];

  constructor({ host, port, tcp, methods, paths, websocket = false, private: mayBePrivate = false }: Destination, path: DocumentPath, fact: string) {
    this.host = host;
    this.path = path;
    this.#fact = fact;
    const globs = (paths ?? []).map((text) => new Glob(text));
    const said = globs.map((glob) => globCondition(glob, { text: 'context.path', depth: 'context.depth' }));
    this.#globs = globs.filter((_, i) => said[i] === undefined);
    const conditions = [...said.filter((one) => one !== undefined), ...(this.#globs.length === 0 ? [] : [`context.fits.contains(${quote(fact)})`])];
    this.condition = [
      hostCondition(host),
      portCondition(port, tcp, websocket),
      ...(mayBePrivate ? [] : ['!context.private']),
      ...(methods === undefined ? [] : [`context has method && ${setOf(methods.map((method) => method.toUpperCase()))}.contains(context.method)`]),
      // What a glob asks of the depth is there where the path is.
      ...(paths === undefined ? [] : [`context has path && context has depth && (${anyOf(conditions)})`]),
    ].join(' && ');
  }

  fitting(path: string): string[] {
    return this.#globs.some((glob) => glob.matches(path)) ? [this.#fact] : [];
  }
}

/** `*.example.com` is every name under it, never the name itself, and never an address. */
function hostCondition(host: string): string {
  return host.startsWith('*.') ? `context.host like ${pattern(['', host.slice(1)])} && !context.address` : `context.host == ${quote(host)}`;
}

/** Plain HTTP has to be asked for by its port: a rule without one means HTTPS. */
function portCondition(port: number | undefined, tcp: number | undefined, websocket: boolean): string {
  if (tcp !== undefined) return `context.scheme == "tcp" && context.port == ${tcp}`;
  const wanted = port ?? HTTPS_PORT;
  const secure = wanted === HTTP_PORT ? [] : websocket ? ['https', 'wss'] : ['https'];
  const plain = wanted === HTTPS_PORT ? [] : websocket ? ['http', 'ws'] : ['http'];
  return `${setOf([...secure, ...plain])}.contains(context.scheme) && context.port == ${wanted}`;
}

export function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}

/** No form that a server might read as another path: dots, doubled slashes, backslashes, or these in percent encoding. */
export function isCanonicalPath(path: string): boolean {
  const bare = withoutQuery(path);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return path.isWellFormed() && bare.startsWith('/') && !/[\u0000-\u0020\u007f\\#]|\/\/|\/\.{1,2}(?:\/|$)|%(?:2e|2f|5c|00)/i.test(bare);
}
