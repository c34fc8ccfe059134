/** A path, or everything in a folder and the folder itself. */
export interface PathRange {
  readonly path: string;
  readonly isFolder: boolean;
}

/** As a pattern says it: what patterns read otherwise is escaped. */
export function globOf({ path, isFolder }: PathRange): string {
  return `${literal(path)}${isFolder ? '/**' : ''}`;
}

/** A text that stands for itself in a pattern. */
export function literal(text: string): string {
  return text.replace(/[\\*?{}]/g, String.raw`\$&`);
}

/** The folder that a path lies in. What lies in the root stays by itself: its folder would be everything. */
export function folderOf(range: PathRange): PathRange {
  const end = range.path.lastIndexOf('/');
  return range.isFolder || end < 1 ? range : { path: range.path.slice(0, end), isFolder: true };
}

export function isWithin(narrow: PathRange, wide: PathRange): boolean {
  return wide.isFolder && (narrow.path === wide.path || narrow.path.startsWith(`${wide.path}/`));
}
