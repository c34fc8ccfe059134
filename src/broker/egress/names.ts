import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { EgressRefusal } from './refusal.ts';

/** Where a request is to go, in the one form that policy, certificate and dialling go by. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** In canonical form already, and no address, as most names are: its last label begins with a letter. */
const USUAL = /^(?!.*xn--)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** In canonical form already, whatever its labels are. */
const PLAIN = /^(?!.*xn--)[a-z0-9_.-]+$/;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MOST_CHARS = 253;
/** Without user information: what stands before an @ is how a host is made to look like another. */
const AUTHORITY = /^([^@:/?#\\[\]]+)(?::(\d{1,5}))?$/;

/**
 * The canonical form of a name that a program gave: lower case, international names as `xn--…`, without a dot at its end. Every other way to say
 * a name is another name. Addresses have none, in whatever form a resolver would take them. Errors: `EgressRefusal`.
 */
export function canonicalName(text: string): string {
  if (text.length <= MOST_CHARS && USUAL.test(text)) return text;
  const shown = JSON.stringify(text.slice(0, 300));
  if (isIP(text) !== 0 || text.startsWith('[')) throw new EgressRefusal('host_invalid', `${shown} is an address: only names can be reached`);
  const plain = text.endsWith('.') ? text.slice(0, -1) : text;
  // What ends a host in an address of the web would be cut off, and the rest taken for the whole.
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  const name = !text.isWellFormed() || /[\u0000-\u0020\u007f%/\\?#@:[\]<>^|]/.test(plain) ? '' : PLAIN.test(plain) ? plain : domainToASCII(plain);
  const labels = name.split('.');
  // What ends in a number is an address to a resolver, in whatever base.
  if (isIP(name) !== 0 || /^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) throw new EgressRefusal('host_invalid', `${shown} is an address: only names can be reached`);
  if (name.length <= MOST_CHARS && labels.every((label) => LABEL.test(label))) return name;
  throw new EgressRefusal('host_invalid', `${shown} is not the name of a host`);
}

/** `host` or `host:port`. Errors: `EgressRefusal`. */
export function readAuthority(text: string, defaultPort?: number): Destination {
  if (/^\[|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:/.test(text)) throw new EgressRefusal('host_invalid', `${text.slice(0, 300)} is an address: only names can be reached`);
  const [, host, digits] = AUTHORITY.exec(text) ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  if (host === undefined || port === undefined || port < 1 || port > 65_535) {
    throw new EgressRefusal('host_invalid', `expected host:port, found ${JSON.stringify(text.slice(0, 300))}`);
  }
  return { host: canonicalName(host), port };
}

/** What `Host` names: without the port that goes without saying. */
export function authorityOf(scheme: 'http' | 'https', { host, port }: Destination): string {
  return port === DEFAULT_PORTS[scheme] ? host : `${host}:${port}`;
}

/** The target of a request to a proxy: `http://host[:port]/path`. Errors: `EgressRefusal`. */
export function readAbsoluteTarget(target: string): Destination & { readonly path: string } {
  const [, scheme, authority = '', path] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([/?].*)?$/i.exec(target) ?? [];
  if (scheme === undefined) throw new EgressRefusal('request_invalid', 'a proxy expects a target such as http://host/path, or CONNECT host:port');
  if (scheme.toLowerCase() !== 'http') throw new EgressRefusal('request_invalid', `${scheme}: is not spoken to a proxy in the clear: use CONNECT`);
  return { ...readAuthority(authority, 80), path: path === undefined ? '/' : path.startsWith('?') ? `/${path}` : path };
}
