import { isDotGit } from '../tree-path.ts';

/** Linux follows so many before it gives up. */
const MAX_LINKS = 40;

/** Those that lead out of the tree, into a folder of git's, or round in circles. `links` is every link of the tree with its target. */
export function outgoingLinks(links: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...links].filter(([path]) => leadsOut(path, links)));
}

/** Follows a link as a file system does, names that are links on the way included. */
function leadsOut(path: string, links: ReadonlyMap<string, string>): boolean {
  const at: string[] = [];
  const ahead = path.split('/').reverse();
  let followed = 0;
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (at.pop() === undefined) return true;
      continue;
    }
    if (isDotGit(name)) return true;
    at.push(name);
    const target = links.get(at.join('/'));
    if (target === undefined) continue;
    // On Windows a backslash divides, and a drive begins a path.
    if (target.startsWith('/') || /^[A-Za-z]:|\\/.test(target) || ++followed > MAX_LINKS) return true;
    at.pop();
    ahead.push(...target.split('/').reverse());
  }
  return false;
}
