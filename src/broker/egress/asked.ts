import type { RegistryKind } from '../../contracts/index.ts';
import { valuesOf } from './headers.ts';
import { authorityOf, DEFAULT_PORTS, type Destination, readAbsoluteTarget, readAuthority } from './names.ts';
import { EgressRefusal } from './refusal.ts';
import { isWebSocket, type RequestHead } from './request-head.ts';

/** Where a connection leads: what was dialled and how, and whether it is encrypted. */
export interface Origin extends Destination {
  readonly scheme: 'http' | 'https';
  readonly via: 'name' | 'proxy';
  /** It was decided already that nothing may go there. */
  readonly refused?: EgressRefusal;
}

/** One request of a program, in canonical form. */
export interface Asked extends Origin {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** What it reads from. */
  readonly registries: readonly RegistryKind[];
  readonly isWebSocket: boolean;
  readonly hasBody: boolean;
}

/**
 * What a request asks for. Without an origin it came to the proxy, and says itself where it is to go. Whatever could be read in two ways is
 * refused. Errors: `EgressRefusal`.
 */
export function readRequest(request: RequestHead, hasBody: boolean, origin: Origin | undefined): Omit<Asked, 'registries'> {
  const { rawHeaders, method, target, minorVersion } = request;
  if (valuesOf(rawHeaders, 'trailer').length > 0) throw hasTrailers();
  if (method === 'TRACE') throw new EgressRefusal('request_invalid', 'TRACE would show what was added on the way');
  const { scheme, host, port, path } = origin === undefined ? { scheme: 'http' as const, ...readAbsoluteTarget(target) } : { ...origin, path: originForm(target) };
  if (!/^[\u0021-\u007e]*$/.test(path)) throw new EgressRefusal('request_invalid', 'a path is of printable ASCII: encode what is not');
  const said = valuesOf(rawHeaders, 'host');
  if (said.length > 1 || (said.length === 0 && minorVersion > 0)) throw new EgressRefusal('request_invalid', 'a request has one host');
  // What is written as we would write it needs no reading.
  if (said[0] !== undefined && said[0] !== authorityOf(scheme, { host, port })) {
    const named = readAuthority(said[0], DEFAULT_PORTS[scheme]);
    if (named.host !== host || named.port !== port) throw new EgressRefusal('hosts_disagree', `the connection leads to ${host}:${port}, and the request is for ${named.host}:${named.port}`);
  }
  return { via: origin?.via ?? 'proxy', scheme, host, port, method, path, isWebSocket: isWebSocket(request), hasBody };
}

function originForm(target: string): string {
  if (target.startsWith('/') || target === '*') return target;
  throw new EgressRefusal('request_invalid', 'a request to a server has a path, not a whole address');
}

/** There is no way to pass them on, and what looks through headers and bodies would not see them. */
export function hasTrailers(): EgressRefusal {
  return new EgressRefusal('request_invalid', 'a request has no trailers here: put them into its headers');
}
