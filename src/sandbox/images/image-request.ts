import { realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { GloveboxError } from '../../contracts/index.ts';
import { IMAGE_NAMES, type ImageName } from './image-source.ts';

/** What a person means by `--image`. Paths are absolute and without links. */
export type ImageRequest =
  | { readonly kind: 'own'; readonly name: ImageName }
  | { readonly kind: 'reference'; readonly reference: string }
  | { readonly kind: 'dockerfile'; readonly path: string }
  | { readonly kind: 'devcontainer'; readonly path: string };

/** Where a folder says what its image is. The first is in a devcontainer's own folder, where a Dockerfile beside it is a part of it. */
const OWN_DEVCONTAINER = 'devcontainer.json';
const FOLDER_FILES = ['.devcontainer/devcontainer.json', '.devcontainer.json', 'Dockerfile'];

/** Registry and port, path, tag, digest: the grammar of the engine's references. */
const PART = '[a-z0-9]+(?:(?:\\.|__?|-+)[a-z0-9]+)*';
const REFERENCE = new RegExp(`^(?:(?:localhost|[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:\\d))(?::\\d+)?/)?${PART}(?:/${PART})*(?::\\w[\\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`);
const MAX_REFERENCE = 512;

/** A name, or a path: what begins with `.` or `/`, or ends as a Dockerfile or devcontainer.json does. Errors: `usage`. */
export async function readImageRequest(text: string, folder: string = process.cwd()): Promise<ImageRequest> {
  if (isPath(text)) return readPath(resolve(folder, text), text);
  return readImageName(text);
}

/** One of our names, or a reference. Errors: `usage`. */
export function readImageName(text: string): Extract<ImageRequest, { kind: 'own' | 'reference' }> {
  const own = IMAGE_NAMES.find((name) => name === text);
  if (own !== undefined) return { kind: 'own', name: own };
  if (text.length <= MAX_REFERENCE && REFERENCE.test(text)) return { kind: 'reference', reference: text };
  throw new GloveboxError('usage', `${JSON.stringify(text)} is no name of an image: give base, node, python, data, polyglot, a reference such as debian:bookworm, or a path that begins with ./`);
}

function isPath(text: string): boolean {
  return /^[./~]/.test(text) || /^devcontainer\.json$|^Dockerfile(?:\..+)?$|\.[Dd]ockerfile$/.test(basename(text));
}

async function readPath(path: string, said: string): Promise<ImageRequest> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new GloveboxError('usage', `--image ${said}: there is no file or folder ${path}`, { cause });
  });
  const file = found.isDirectory() ? await fileOfFolder(path, said) : path;
  const real = await realpath(file);
  return { kind: basename(file).endsWith('.json') ? 'devcontainer' : 'dockerfile', path: real };
}

async function fileOfFolder(folder: string, said: string): Promise<string> {
  if (await isFile(join(folder, OWN_DEVCONTAINER))) return join(folder, OWN_DEVCONTAINER);
  const found: string[] = [];
  for (const name of FOLDER_FILES) if (await isFile(join(folder, name))) found.push(name);
  const [only, ...others] = found;
  if (only === undefined) throw new GloveboxError('usage', `--image ${said}: the folder has neither a Dockerfile nor a devcontainer.json`);
  if (others.length === 0) return join(folder, only);
  throw new GloveboxError('usage', `--image ${said}: the folder has ${found.join(' and ')}: say which one`);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
