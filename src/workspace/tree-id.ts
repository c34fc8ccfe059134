import { GloveboxError, type TreeId } from '../contracts/index.ts';

/** The tree with nothing in it; git knows it without storing it. */
export const EMPTY_TREE = treeId('4b825dc642cb6eb9a060e54bf8d69288fbee4904');

/** Reads a tree's name; whatever else stands there must not reach a command line. */
export function treeId(text: string): TreeId {
  if (!/^[0-9a-f]{40}$/.test(text)) throw new GloveboxError('usage', `not the name of a tree: ${JSON.stringify(text.slice(0, 80))}`);
  // A brand is a promise of form: this is the one place that makes it.
  return text as TreeId;
}
