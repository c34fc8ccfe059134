import type { IncomingMessage } from 'node:http';
import type { RegistryKind } from '../../contracts/index.ts';
import { valuesOf } from './headers.ts';
import { authorityOf, DEFAULT_PORTS, type Destination, readAbsoluteTarget, readAuthority } from './names.ts';
import { EgressRefusal } from './refusal.ts';

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
 * refused: the parser is strict, and this is stricter. Errors: `EgressRefusal`.
 */
export function readRequest(request: IncomingMessage, origin: Origin | undefined): Omit<Asked, 'registries'> {
  const { rawHeaders, method = '', url = '' } = request;
  const hasBody = readFraming(request);
  refuseTrailers(valuesOf(rawHeaders, 'trailer'));
  if (method === 'TRACE') throw new EgressRefusal('request_invalid', 'TRACE would show what was added on the way');
  const { scheme, host, port, path } = origin === undefined ? { scheme: 'http' as const, ...readAbsoluteTarget(url) } : { ...origin, path: originForm(url) };
  if (!/^[\u0021-\u007e]*$/.test(path)) throw new EgressRefusal('request_invalid', 'a path is of printable ASCII: encode what is not');
  const said = valuesOf(rawHeaders, 'host');
  if (said.length > 1) throw new EgressRefusal('request_invalid', 'a request has one host');
  // What is written as we would write it needs no reading.
  if (said[0] !== undefined && said[0] !== authorityOf(scheme, { host, port })) {
    const named = readAuthority(said[0], DEFAULT_PORTS[scheme]);
    if (named.host !== host || named.port !== port) throw new EgressRefusal('hosts_disagree', `the connection leads to ${host}:${port}, and the request is for ${named.host}:${named.port}`);
  }
  return { via: origin?.via ?? 'proxy', scheme, host, port, method, path, isWebSocket: isWebSocket(request), hasBody };
}

/** It asks for an upgrade that we know. Others are not taken up, as a server may. */
export function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && headers.connection?.toLowerCase().includes('upgrade') === true;
}

function originForm(url: string): string {
  if (url.startsWith('/') || url === '*') return url;
  throw new EgressRefusal('request_invalid', 'a request to a server has a path, not a whole address');
}

/** Whether a body follows. */
function readFraming({ rawHeaders, httpVersionMajor }: IncomingMessage): boolean {
  const codings = valuesOf(rawHeaders, 'transfer-encoding');
  const lengths = valuesOf(rawHeaders, 'content-length');
  if (httpVersionMajor !== 1) throw new EgressRefusal('request_invalid', 'only HTTP/1.1 and 1.0 are spoken here');
  if (codings.length > 0 && lengths.length > 0) throw new EgressRefusal('request_invalid', 'a body has a length or is chunked, not both');
  if (lengths.length > 1 || !lengths.every((length) => /^\d{1,15}$/.test(length))) throw new EgressRefusal('request_invalid', 'a body has one length');
  if (codings.length > 1 || !codings.every((coding) => coding.toLowerCase() === 'chunked')) throw new EgressRefusal('request_invalid', 'a body is chunked, and coded in no other way');
  return codings.length > 0 || lengths.some((length) => Number(length) > 0);
}

/** There is no way to pass them on, and what looks through headers and bodies would not see them. Errors: `EgressRefusal`. */
export function refuseTrailers(trailers: readonly string[]): void {
  if (trailers.length > 0) throw new EgressRefusal('request_invalid', 'a request has no trailers here: put them into its headers');
}
