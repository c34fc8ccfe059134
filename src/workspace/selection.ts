import { GloveboxError, type FileEntry } from '../contracts/index.ts';
import { IgnoreRules, MAX_RULES_BYTES } from './ignore-rules.ts';
import type { ObjectStore } from './object-store.ts';
import { readFiles } from './tree-content.ts';
import type { TreeLine } from './tree-listing.ts';
import { isDotGit, isForbiddenLink, pathProblem, quoted } from './tree-path.ts';
import { formatBytes, type WorkspaceLimits } from './workspace-limits.ts';

/**
 * What test runners, interpreters and package managers leave in a tree that has no rule for it. Only new files are held against
 * it, and any .gitignore of the tree outranks it.
 */
const BY_PRODUCTS =
  '__pycache__/ *.py[co] .pytest_cache/ .mypy_cache/ .ruff_cache/ .tox/ .venv/ *.egg-info/ node_modules/ .npm/ .cache/ .DS_Store'.split(' ');

/** What a listing of a sandbox is held against. */
export interface SelectionOptions {
  /** All of the tree that rules are taken from. */
  readonly base: readonly TreeLine[];
  readonly entries: readonly FileEntry[];
  readonly signal?: AbortSignal | undefined;
}

/** What is to be done with the entries of a listing that a tree can hold. */
export interface Selection {
  /** In `base` already, or not ignored by its rules: they belong to the tree. */
  readonly kept: readonly FileEntry[];
  readonly ignored: readonly FileEntry[];
}

/** Errors: `archive_hostile` for a listing that cannot be. */
export async function selectEntries(store: ObjectStore, options: SelectionOptions): Promise<Selection> {
  const { base: lines, signal } = options;
  const known = new Set(lines.map((line) => line.path));
  const candidates = keepable(options.entries, known);
  const fresh = candidates.filter(({ path }) => !known.has(path));
  const ignored = await ignoredOf(store, lines, fresh, signal);
  return { kept: candidates.filter(({ path }) => !ignored.has(path)), ignored: candidates.filter(({ path }) => ignored.has(path)) };
}

/** What a tree can hold. A listing whose names cannot come from a real folder is an attack; everything else is left out. */
function keepable(entries: readonly FileEntry[], known: ReadonlySet<string | undefined>): FileEntry[] {
  const seen = new Set<string>();
  return entries.filter((entry) => {
    const { path, type } = entry;
    const names = path.split('/');
    if (seen.has(path) || path.includes('\0') || names.some((name) => name === '' || name === '.' || name === '..')) {
      throw new GloveboxError('archive_hostile', `the sandbox lists a file that cannot be: ${quoted(path)}`, { details: { entry: path } });
    }
    seen.add(path);
    // What is not UTF-8 arrives with replacement characters: such a name cannot be asked for again, such a target not be kept.
    if (type === 'symlink' ? isForbiddenLink(path) || entry.target?.includes('\ufffd') === true : type !== 'file') return false;
    return known.has(path) || !(path.includes('\ufffd') || names.some(isDotGit) || pathProblem(path) !== undefined);
  });
}

async function ignoredOf(store: ObjectStore, lines: readonly TreeLine[], fresh: readonly FileEntry[], signal?: AbortSignal): Promise<Set<string>> {
  if (fresh.length === 0) return new Set();
  await using rules = await IgnoreRules.create(store, `${BY_PRODUCTS.join('\n')}\n`);
  // A link is not a file of rules, to git neither.
  const files = lines.filter((line) => line.mode !== '120000' && /(^|\/)\.gitignore$/.test(line.path ?? ''));
  for await (const file of readFiles(store.repository, files, signal)) {
    if (file.sizeBytes <= MAX_RULES_BYTES) await rules.add(file.path, Buffer.concat(await Array.fromAsync(file.content)));
  }
  return await rules.ignored(
    fresh.map(({ path }) => ({ path, folder: false })),
    signal,
  );
}

/** Their paths. Errors: `archive_hostile` for more than is allowed. */
export function withinLimits(kept: readonly FileEntry[], limits: WorkspaceLimits): readonly string[] {
  if (kept.length > limits.maxFiles) throw tooMuch(`${kept.length} files; ${limits.maxFiles} are allowed`);
  let total = 0;
  for (const { path, type, sizeBytes } of kept) {
    if (type !== 'file') continue;
    total += sizeBytes;
    if (sizeBytes > limits.maxFileBytes) {
      throw tooMuch(`${quoted(path)} with ${formatBytes(sizeBytes)}; ${formatBytes(limits.maxFileBytes)} are allowed for one file`);
    }
  }
  if (total > limits.maxBytes) throw tooMuch(`${formatBytes(total)}; ${formatBytes(limits.maxBytes)} are allowed`);
  return kept.map(({ path }) => path);
}

function tooMuch(what: string): GloveboxError {
  return new GloveboxError('archive_hostile', `the sandbox's workspace, without what is ignored, holds ${what}`);
}
