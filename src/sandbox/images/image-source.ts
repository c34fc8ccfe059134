import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { GloveboxError } from '../../contracts/index.ts';
import { readIgnoreRules, type IgnoreRules } from './ignore-rules.ts';

/** In the order in which they are built: an image comes after the one that it starts from. */
export const IMAGE_NAMES = ['init', 'probe', 'base', 'node', 'python', 'data', 'polyglot'] as const;
export type ImageName = (typeof IMAGE_NAMES)[number];

/** Built when somebody first asks for them: `polyglot` and `data` are large, and no sandbox needs `probe`. */
export const ON_DEMAND: ReadonlySet<ImageName> = new Set(['probe', 'data', 'polyglot']);

const PARENTS: Readonly<Partial<Record<ImageName, ImageName>>> = { node: 'base', python: 'base', data: 'python', polyglot: 'node' };

interface SourceFile {
  /** Relative to the image's folder, with forward slashes. */
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer;
}

/** One folder of sandbox-images/, read. */
export interface ImageSource {
  readonly name: ImageName;
  readonly files: readonly SourceFile[];
  readonly parent: ImageSource | undefined;
  /** `glovebox/<name>:<hash of the folder and of what it starts from>`: a changed source is another image. */
  readonly reference: string;
}

/** Twelve hex digits: an accident among the few images of one engine is out of the question. */
const HASH_DIGITS = 12;

/** Reads the folder of an image, and of the one that it starts from. */
export async function readImageSource(root: string, name: ImageName): Promise<ImageSource> {
  const parentName = PARENTS[name];
  const parent = parentName && (await readImageSource(root, parentName));
  const files = await readFolder(join(root, name));
  const hash = createHash('sha256').update(parent?.reference ?? '');
  for (const file of files) {
    hash.update(`\0${file.path}\0${file.mode}\0${file.content.length}\0`).update(file.content);
  }
  return { name, files, parent, reference: `glovebox/${name}:${hash.digest('hex').slice(0, HASH_DIGITS)}` };
}

async function readFolder(folder: string): Promise<SourceFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new GloveboxError('image_missing', `There is no image source at ${folder}: the installation is incomplete.`, { cause });
  });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
  const ignored = await readIgnoreFile(folder);
  const kept = paths.filter((path) => !ignored.ignores(path));
  return Promise.all(kept.toSorted().map((path) => readSourceFile(folder, path)));
}

/** What a local build left in the folder must change neither the hash nor the context. */
async function readIgnoreFile(folder: string): Promise<IgnoreRules> {
  return readIgnoreRules(await readFile(join(folder, '.dockerignore'), 'utf8').catch(() => ''));
}

async function readSourceFile(folder: string, path: string): Promise<SourceFile> {
  const absolute = join(folder, path);
  const [content, { mode }] = await Promise.all([readFile(absolute), stat(absolute)]);
  // Only the owner's execute bit is the same in every checkout, whatever the umask.
  return { path, mode: mode & 0o100 ? 0o755 : 0o644, content };
}
