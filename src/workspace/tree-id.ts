import { GloveboxError, type TreeId } from '../contracts/index.ts';

/** The tree with nothing in it; git knows it without storing it. */
export const EMPTY_TREE = treeId('4b825dc642cb6eb9a060e54bf8d69288fbee4904');

/** Reads a tree's name in git; whatever else stands there must not reach a command line. */
export function treeId(text: string): TreeId {
  if (!/^[0-9a-f]{40}$/.test(text)) throw noTree(text);
  // A brand is a promise of form: it is made here and in `keptTree`.
  return text as TreeId;
}

/** The name of a tree that is kept, and of the blob that has the newest of its packs: `<tree>.<SHA-256>`. */
export function keptTree(tree: TreeId, blob: string): TreeId {
  return `${tree}.${blob.slice('sha256:'.length)}` as TreeId;
}

/** What a tree's name says: `blob` where it is kept elsewhere than in a store. Errors: `usage`. */
export function readTreeName(text: string): { readonly tree: TreeId; readonly blob: string | undefined } {
  const { tree, sha256 } = /^(?<tree>[0-9a-f]{40})(?:\.(?<sha256>[0-9a-f]{64}))?$/.exec(text)?.groups ?? {};
  if (tree === undefined) throw noTree(text);
  return { tree: treeId(tree), blob: sha256 === undefined ? undefined : `sha256:${sha256}` };
}

function noTree(text: string): GloveboxError {
  return new GloveboxError('usage', `not the name of a tree: ${JSON.stringify(text.slice(0, 120))}`);
}
