import type { Pair } from './scrubber.ts';

/** Where of a request a credential may go; headers and Basic auth where nobody says anything. */
export type SwapPlace = 'header' | 'query' | 'body';

/** Names and values in the order in which they came. */
export type Headers = readonly (readonly [name: string, value: string])[];

export interface RequestHead {
  /** With its query. */
  readonly path: string;
  readonly headers: Headers;
}

const BASIC = /^(\s*basic\s+)([A-Za-z0-9+/_-]+={0,2})(\s*)$/i;

/** Where a request has a placeholder: plain, in a URL's encoding, or in Basic auth. */
export function placesOf({ path, headers }: RequestHead, placeholder: string): readonly (Exclude<SwapPlace, 'body'> | 'path')[] {
  // Encoded it is no shorter.
  const has = (text: string): boolean => text.length >= placeholder.length && (text.includes(placeholder) || (text.includes('%') && decoded(text).includes(placeholder)));
  const [bare, query] = parted(path);
  const found = { header: headers.some(([, value]) => has(value) || has(basicText(value) ?? '')), query: has(query), path: has(bare) };
  return (['header', 'query', 'path'] as const).filter((place) => found[place]);
}

/** Puts secrets where their placeholders stand, in the places that each may go to. */
export function swap(head: RequestHead, pairs: readonly (Pair & { readonly places: readonly SwapPlace[] })[]): RequestHead {
  if (pairs.length === 0) return head;
  const { path, headers } = head;
  const inHeaders = pairs.filter(({ places }) => places.includes('header'));
  const inQuery = pairs.filter(({ places }) => places.includes('query'));
  const [bare, query] = parted(path);
  return { path: `${bare}${swapEncoded(query, inQuery)}`, headers: headers.map(([name, value]) => [name, swapHeader(value, inHeaders)]) };
}

function parted(path: string): readonly [bare: string, query: string] {
  const query = path.indexOf('?');
  return query === -1 ? [path, ''] : [path.slice(0, query), path.slice(query)];
}

/** git and curl send a user and a password so: the placeholder is in what was encoded. */
function swapHeader(value: string, pairs: readonly Pair[]): string {
  const basic = BASIC.exec(value);
  const text = basicText(value);
  if (basic === null || text === undefined) return swapText(value, pairs);
  const swapped = swapText(text, pairs);
  return swapped === text ? value : `${basic[1] ?? ''}${Buffer.from(swapped).toString('base64')}${basic[3] ?? ''}`;
}

function basicText(value: string): string | undefined {
  const encoded = BASIC.exec(value)?.[2];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString();
}

function swapText(text: string, pairs: readonly Pair[]): string {
  return pairs.reduce((swapped, { placeholder, secret }) => swapped.replaceAll(placeholder, () => secret), text);
}

function swapEncoded(query: string, pairs: readonly Pair[]): string {
  return pairs.reduce((swapped, { placeholder, secret }) => {
    const encoded = encodeURIComponent(secret);
    return swapped.replaceAll(placeholder, () => encoded).replaceAll(encodeURIComponent(placeholder), () => encoded);
  }, query);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
