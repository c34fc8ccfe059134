import type { Scrubber } from '../credentials/scrubber.ts';

/** Names and values in turns, as `rawHeaders` has them. */
export type RawHeaders = readonly string[];

/** They are between two neighbours, and no further. `host` and lengths are made anew; where services besides this one are is not for a program that has one way out. */
const OF_ONE_HOP = ['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate', 'te', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect', 'trailer'];
const OF_A_REQUEST: ReadonlySet<string> = new Set([...OF_ONE_HOP, 'host']);
const OF_A_CHANGED_REQUEST: ReadonlySet<string> = new Set([...OF_A_REQUEST, 'content-length']);
const OF_A_RESPONSE: ReadonlySet<string> = new Set([...OF_ONE_HOP, 'alt-svc']);
const OF_A_CHUNKED_RESPONSE: ReadonlySet<string> = new Set([...OF_A_RESPONSE, 'content-length']);
const NOT_SCRUBBED: ReadonlySet<string> = new Set(['content-length', 'accept-ranges']);

/** `isChanged`: the body may leave with another length. */
export function requestHeaders(raw: RawHeaders, isChanged: boolean): string[] {
  return withoutHop(raw, isChanged ? OF_A_CHANGED_REQUEST : OF_A_REQUEST);
}

/** Where a body has a length and is chunked as well, it is chunked: we count it anew. */
export function responseHeaders(raw: RawHeaders): string[] {
  return withoutHop(raw, valuesOf(raw, 'transfer-encoding').length === 0 ? OF_A_RESPONSE : OF_A_CHUNKED_RESPONSE);
}

/** Whether a body can be read only by who decodes it. */
export function isEncoded(raw: RawHeaders): boolean {
  return valuesOf(raw, 'content-encoding').some((coding) => coding.trim() !== '' && coding.trim().toLowerCase() !== 'identity');
}

/** Without secrets, and without a length that may no longer be right. */
export function scrubbedHeaders(raw: RawHeaders, scrubber: Scrubber): { readonly clean: string[]; readonly found: boolean } {
  const clean = raw.map((text) => scrubber.bytes(Buffer.from(text, 'latin1')).toString('latin1'));
  return { clean: without(clean, NOT_SCRUBBED), found: clean.some((text, i) => text !== raw[i]) };
}

/** Every value of a header, in order; `name` in lower case. */
export function valuesOf(raw: RawHeaders, name: string): string[] {
  const values: string[] = [];
  for (let i = 1; i < raw.length; i += 2) {
    const said = raw[i - 1] ?? '';
    if (said.length === name.length && said.toLowerCase() === name) values.push(raw[i] ?? '');
  }
  return values;
}

/** Names and values together. */
export function pairsOf(raw: RawHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return pairs;
}

function withoutHop(raw: RawHeaders, dropped: ReadonlySet<string>): string[] {
  const named = valuesOf(raw, 'connection');
  if (named.length === 0) return without(raw, dropped);
  // Nobody takes away a length by naming it.
  const more = named.flatMap((value) => value.split(',').map((token) => token.trim().toLowerCase())).filter((name) => name !== 'content-length');
  return without(raw, new Set([...more, ...dropped]));
}

function without(raw: RawHeaders, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (!names.has(name.toLowerCase())) kept.push(name, raw[i + 1] ?? '');
  }
  return kept;
}
