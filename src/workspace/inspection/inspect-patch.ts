import type { ChangedText, CredentialSearch, Patch, PatchFindings, TreeId } from '../../contracts/index.ts';
import type { GitRepository } from '../git-repository.ts';
import { readFiles } from '../tree-content.ts';
import { listTree, type TreeLine } from '../tree-listing.ts';
import { formatBytes } from '../workspace-limits.ts';
import { outgoingLinks } from './outgoing-links.ts';

export interface InspectOptions {
  readonly base: TreeId;
  readonly changed: TreeId;
  readonly patch: Patch;
  readonly credentials: CredentialSearch;
  readonly signal?: AbortSignal | undefined;
}

/** What is looked through of one file, and of all. */
const FILE_BYTES = 4 * 2 ** 20;
const TOTAL_BYTES = 64 * 2 ** 20;
const SECRETS_TIMEOUT_MS = 60_000;
/** What is told of each kind; that there is more is told, too. */
const MAX_FINDINGS = 100;
const LINK = '120000';

/** What a patch holds beside text in files, found in the trees themselves: nothing is believed that a sandbox says. */
export async function inspectPatch(repository: GitRepository, { base, changed, patch, credentials, signal }: InspectOptions): Promise<PatchFindings> {
  const [before, after] = [await listTree(repository, base, { signal, sizes: true }), await listTree(repository, changed, { signal, sizes: true })];
  const paths = new Set(patch.files.filter(({ binary, change }) => !binary && change !== 'deleted').map(({ path }) => path));
  const { texts, tooLarge } = await changedTexts(repository, { before, after, paths, signal });
  const secrets = await credentials.newIn(texts, { timeoutMs: SECRETS_TIMEOUT_MS, signal });
  return {
    secrets: bounded([...tooLarge, ...secrets]),
    binaries: bounded(patch.files.filter(({ binary, change }) => binary && change !== 'deleted').map(({ path }) => path)),
    links: bounded(await newlyOutgoing(repository, before, after, signal)),
  };
}

interface Trees {
  readonly before: readonly TreeLine[];
  readonly after: readonly TreeLine[];
  readonly paths: ReadonlySet<string>;
  readonly signal: AbortSignal | undefined;
}

/** Changed text files, links left out, and those that are more than can be looked through. */
async function changedTexts(repository: GitRepository, { before, after, paths, signal }: Trees): Promise<{ readonly texts: readonly ChangedText[]; readonly tooLarge: readonly string[] }> {
  const lines = after.filter(({ path, mode }) => path !== undefined && paths.has(path) && mode !== LINK);
  let total = 0;
  const fits = ({ sizeBytes }: TreeLine): boolean => sizeBytes <= FILE_BYTES && (total += sizeBytes) <= TOTAL_BYTES;
  const small = lines.filter(fits);
  const wanted = new Set(small.map(({ path }) => path));
  const tooLarge = lines.filter(({ path }) => !wanted.has(path)).map(({ path, sizeBytes }) => `${path}: with ${formatBytes(sizeBytes)} it is too large to be looked through`);
  // What was larger before is looked through as if all of it were new.
  const known = await contents(repository, before.filter(({ path, mode, sizeBytes }) => wanted.has(path) && mode !== LINK && sizeBytes <= FILE_BYTES), signal);
  const now = await contents(repository, small, signal);
  return { texts: Array.from(now, ([path, text]) => ({ path, before: known.get(path) ?? '', after: text })), tooLarge };
}

/** Links that lead out, but for those that did before, to the same target. */
async function newlyOutgoing(repository: GitRepository, before: readonly TreeLine[], after: readonly TreeLine[], signal: AbortSignal | undefined): Promise<readonly string[]> {
  const isLink = ({ mode }: TreeLine): boolean => mode === LINK;
  const was = outgoingLinks(await contents(repository, before.filter(isLink), signal));
  const is = outgoingLinks(await contents(repository, after.filter(isLink), signal));
  return [...is].filter(([path, target]) => was.get(path) !== target).map(([path, target]) => `${path} -> ${target}`);
}

async function contents(repository: GitRepository, lines: readonly TreeLine[], signal: AbortSignal | undefined): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for await (const file of readFiles(repository, lines, signal)) texts.set(file.path, Buffer.concat(await Array.fromAsync(file.content)).toString('utf8'));
  return texts;
}

function bounded(findings: readonly string[]): readonly string[] {
  return findings.length <= MAX_FINDINGS ? findings : [...findings.slice(0, MAX_FINDINGS), `and ${findings.length - MAX_FINDINGS} more`];
}
