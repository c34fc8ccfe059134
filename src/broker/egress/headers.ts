import type { Scrubber } from '../credentials/scrubber.ts';

/** Names and values in turns, as `rawHeaders` has them. */
export type RawHeaders = readonly string[];

/** They are between two neighbours, and no further. `host` and lengths are made anew; where services besides this one are is not for a program that has one way out. */
const OF_ONE_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate', 'te', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect', 'trailer']);
const REQUEST_ONLY = new Set(['host']);
const RESPONSE_ONLY = new Set(['alt-svc']);

/** `isChanged`: the body may leave with another length. */
export function requestHeaders(raw: RawHeaders, isChanged: boolean): string[] {
  return withoutHop(raw, isChanged ? new Set([...REQUEST_ONLY, 'content-length']) : REQUEST_ONLY);
}

/** Where a body has a length and is chunked as well, it is chunked: we count it anew. */
export function responseHeaders(raw: RawHeaders): string[] {
  const kept = withoutHop(raw, RESPONSE_ONLY);
  return valuesOf(raw, 'transfer-encoding').length === 0 ? kept : without(kept, new Set(['content-length']));
}

/** Whether a body can be read only by who decodes it. */
export function isEncoded(raw: RawHeaders): boolean {
  return valuesOf(raw, 'content-encoding').some((coding) => coding.trim() !== '' && coding.trim().toLowerCase() !== 'identity');
}

/** Without secrets, and without a length that may no longer be right. */
export function scrubbedHeaders(raw: RawHeaders, scrubber: Scrubber): { readonly clean: string[]; readonly found: boolean } {
  const clean = raw.map((text) => scrubber.bytes(Buffer.from(text, 'latin1')).toString('latin1'));
  return { clean: without(clean, new Set(['content-length', 'accept-ranges'])), found: clean.some((text, i) => text !== raw[i]) };
}

/** Every value of a header, in order. */
export function valuesOf(raw: RawHeaders, name: string): string[] {
  return raw.flatMap((value, i) => (i % 2 === 1 && raw[i - 1]?.toLowerCase() === name ? [value] : []));
}

/** Names and values together. */
export function pairsOf(raw: RawHeaders): [string, string][] {
  return raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? ''] satisfies [string, string]] : []));
}

/** As undici has them: buffers, in latin1. */
export function decodedHeaders(raw: unknown): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.flatMap((one: unknown) => (Buffer.isBuffer(one) ? [one.toString('latin1')] : typeof one === 'string' ? [one] : []));
}

function withoutHop(raw: RawHeaders, more: ReadonlySet<string>): string[] {
  const named = valuesOf(raw, 'connection').flatMap((value) => value.split(',').map((token) => token.trim().toLowerCase()));
  // Nobody takes away a length by naming it.
  const dropped = new Set([...named.filter((name) => name !== 'content-length'), ...OF_ONE_HOP, ...more]);
  return without(raw, dropped);
}

function without(raw: RawHeaders, names: ReadonlySet<string>): string[] {
  return raw.filter((_, i) => !names.has((raw[i - (i % 2)] ?? '').toLowerCase()));
}
