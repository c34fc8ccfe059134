import { GloveboxError } from '../contracts/index.ts';
import { quoted } from './tree-path.ts';
import { formatBytes, type WorkspaceLimits } from './workspace-limits.ts';

interface Sized {
  readonly path: string;
  readonly sizeBytes: number;
}

/** Errors: `repository_too_large`, naming the limit and where the bulk is. */
export function checkCaptureLimits(files: readonly Sized[], limits: WorkspaceLimits): void {
  const large = files.find(({ sizeBytes }) => sizeBytes > limits.maxFileBytes);
  if (large !== undefined) {
    const size = formatBytes(large.sizeBytes);
    throw tooLarge(`${quoted(large.path)} is ${size}, and ${formatBytes(limits.maxFileBytes)} is the limit for one file`);
  }
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (files.length > limits.maxFiles) throw tooLarge(`it has more than ${limits.maxFiles} files. ${bulk(files, () => 1, (count) => `${count} files`)}`);
  if (total > limits.maxBytes) {
    const bulkiest = bulk(files, ({ sizeBytes }) => sizeBytes, formatBytes);
    throw tooLarge(`its files have ${formatBytes(total)}, and ${formatBytes(limits.maxBytes)} is the limit. ${bulkiest}`);
  }
}

/** The folders (at most two levels deep) that weigh most: `Most is in "data" (1.5 GiB), "assets/video" (800 MiB)`. */
function bulk(files: readonly Sized[], weigh: (file: Sized) => number, format: (weight: number) => string): string {
  const weights = new Map<string, number>();
  for (const file of files) {
    const folder = file.path.split('/').slice(0, -1).slice(0, 2).join('/');
    weights.set(folder, (weights.get(folder) ?? 0) + weigh(file));
  }
  const heaviest = Array.from(weights).toSorted(([, a], [, b]) => b - a).slice(0, 3);
  return `Most is in ${heaviest.map(([folder, weight]) => `${quoted(folder === '' ? '.' : folder)} (${format(weight)})`).join(', ')}`;
}

function tooLarge(what: string): GloveboxError {
  return new GloveboxError('repository_too_large', `the repository is too large: ${what}. Name what is not needed in .gitignore, or give a smaller folder`);
}
