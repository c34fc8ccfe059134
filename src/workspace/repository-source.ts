import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import { GloveboxError } from '../contracts/index.ts';
import { quoted } from './tree-path.ts';

export type FetchProtocol = 'https' | 'file';

/** What a user names as a repository. */
export type RepositorySource = { readonly kind: 'folder'; readonly path: string } | { readonly kind: 'url'; readonly url: string };

const CLONE_YOURSELF = 'clone it yourself and give the path of the clone';

/** Reads what a user typed. Whatever git would take for an option, a transport of its own or a login is refused here. Errors: `repository_invalid`. */
export async function parseSource(text: string, protocols: readonly FetchProtocol[]): Promise<RepositorySource> {
  if (text === '') throw refused('no repository was given: give a path, or an https:// address');
  // Quoting would be no help: a control character in an address is an attack on whoever parses it next.
  if (/\p{Cc}/u.test(text)) throw refused(`${quoted(text)} holds control characters`);
  if (text.startsWith('-')) throw refused(`${quoted(text)} looks like an option; a path that begins with a dash needs ./ before it`);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return { kind: 'url', url: checkUrl(text, protocols) };
  if (/^[a-z][a-z0-9+.-]*::/i.test(text)) throw refused(`${quoted(text)} names a remote helper, which is a program to run: ${CLONE_YOURSELF}`);
  const path = resolve(text);
  const exists = (await stat(path).catch(() => undefined)) !== undefined;
  if (!exists && /^[^/]+:/.test(text)) throw refused(`addresses over ssh are not fetched, because that needs your keys: ${CLONE_YOURSELF}`);
  return { kind: 'folder', path };
}

function checkUrl(text: string, protocols: readonly FetchProtocol[]): string {
  const url = URL.parse(text);
  if (url === null) throw refused('the address cannot be read');
  // Not repeated: it may hold a password, and messages are kept.
  if (url.username !== '' || url.password !== '') throw refused(`the address holds a login: addresses are logged; ${CLONE_YOURSELF}`);
  const protocol = url.protocol.slice(0, -1);
  const allowed: readonly string[] = protocols;
  if (!allowed.includes(protocol)) {
    throw refused(`repositories are not fetched over ${quoted(protocol)}, only over ${protocols.join(', ')}: ${CLONE_YOURSELF}`);
  }
  return url.href;
}

function refused(why: string): GloveboxError {
  return new GloveboxError('repository_invalid', why);
}
