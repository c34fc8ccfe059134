const MAX_PATH_BYTES = 4000;
const MAX_NAME_BYTES = 255;
const MAX_DEPTH = 128;

/** Code points that HFS+ does not see in a name. */
const INVISIBLE = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/**
 * Whether some filesystem takes this name for `.git`: other case, NTFS's short name, stream or trailing dots, HFS+'s invisible
 * characters. A file there would be a hook or a configuration on the machine that a patch is applied on.
 */
export function isDotGit(name: string): boolean {
  const seen = name.replaceAll(INVISIBLE, '').toLowerCase().replace(/:.*$/s, '').replace(/[. ]+$/, '');
  return seen === '.git' || /^git~\d+$/.test(seen);
}

/** Why a path cannot stand in a tree of ours; undefined when it can. Relative, slashes, at most 128 levels. */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'it is empty';
  if (path.startsWith('/')) return 'it is absolute';
  if (path.includes('\0')) return 'it holds a NUL';
  if (!path.isWellFormed()) return 'it is not valid Unicode';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`;
  const names = path.split('/');
  if (names.length > MAX_DEPTH) return `it is deeper than ${MAX_DEPTH} levels`;
  for (const name of names) {
    if (name === '' || name === '.' || name === '..') return `it holds the component ${JSON.stringify(name)}`;
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `it holds a name longer than ${MAX_NAME_BYTES} bytes`;
    if (name.split('\\').some(isDotGit)) return 'it holds a .git';
  }
  return undefined;
}

/** git follows .gitmodules and friends only as files: as links they are an attack or a mistake. */
export function isForbiddenLink(path: string): boolean {
  return /(^|\/)\.git(modules|attributes|ignore)$/i.test(path);
}

/** The folders above a path, outermost first: `a`, `a/b` for `a/b/c`. */
export function parentsOf(path: string): string[] {
  const names = path.split('/');
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('/'));
}

/** A name out of a repository or a sandbox for a message: in quotes, without control characters, bounded. */
export function quoted(path: string): string {
  const cut = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  const escape = (character: string) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(cut).replaceAll(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u206f\ufeff]/g, escape);
}
