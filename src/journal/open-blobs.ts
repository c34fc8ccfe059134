import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Blobs, GloveboxError } from '../contracts/index.ts';
import { FolderBlobs } from './folder-blobs.ts';

/**
 * The blobs that were configured: a folder of the state folder, or what `GLOVEBOX_BLOBS_URL` names, which is a folder that machines share. Errors: `config_invalid`.
 */
export async function openBlobs(env: Readonly<Record<string, string | undefined>>, stateDir: string): Promise<Blobs> {
  const place = env['GLOVEBOX_BLOBS_URL']?.trim() ?? '';
  if (place === '') return new FolderBlobs(join(stateDir, 'blobs'));
  if (isAbsolute(place)) return new FolderBlobs(place);
  if (place.startsWith('file:///') && URL.canParse(place)) return new FolderBlobs(fileURLToPath(place));
  throw new GloveboxError('config_invalid', 'GLOVEBOX_BLOBS_URL is neither the path of a folder nor the URL of a bucket');
}
