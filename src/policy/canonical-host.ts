import { isIPv4, isIPv6 } from 'node:net';

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** IPv6 addresses that are an IPv4 address in other clothes: mapped, compatible, translated, NAT64, Teredo, 6to4. */
const DISGUISES = /^::ffff:|^::(?!1?$)[0-9a-f]{1,4}(?::[0-9a-f]{1,4})?$|^64:ff9b:|^2001:(?:0)?:|^2002:/;

/**
 * Whether a host stands in the one form that rules and requests are compared in: a lower-case ASCII name without a dot at its end
 * (international names as `xn--…`), a dotted-quad IPv4 address, or an IPv6 address as short as it can be written (RFC 5952), without brackets and zone. An
 * IPv6 address that leads to an IPv4 address has no such form: rules on the one would not hold for the other.
 */
export function canonicalHost(host: string): boolean {
  if (host.includes(':')) return isIPv6(host) && !host.includes('%') && shortest(host) === host && !DISGUISES.test(host);
  if (host.length === 0 || host.length > 253) return false;
  const labels = host.split('.');
  if (!labels.every((label) => LABEL.test(label))) return false;
  // What ends in a number is an address to a resolver (`127.1`, `0x7f.1`, `2130706433`), and only one form of it is canonical.
  return !/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') || isIPv4(host);
}

export function isAddress(host: string): boolean {
  return host.includes(':') || isIPv4(host);
}

/** As URLs have it. */
function shortest(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
