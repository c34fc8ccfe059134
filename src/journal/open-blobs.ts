import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BlobStore, GloveboxError } from '../contracts/index.ts';
import type { BlobFiles } from './blob-files.ts';
import { BlobFolder } from './blob-folder.ts';
import { FolderBlobs } from './folder-blobs.ts';
import type { PayloadKeys } from './seal/payload-keys.ts';
import { SealedBlobs } from './seal/sealed-blobs.ts';

/**
 * The blobs that were configured, sealed: in a folder of the state folder, or in what `GLOVEBOX_BLOBS_URL` names, which is a folder that machines share. What an older version put there goes
 * on being read. Errors: `config_invalid`.
 */
export function openBlobs(env: Readonly<Record<string, string | undefined>>, stateDir: string, keys: PayloadKeys): { readonly blobs: BlobStore; readonly files: BlobFiles } {
  const folder = folderOf(env['GLOVEBOX_BLOBS_URL']?.trim() ?? '', stateDir);
  const files = new BlobFolder(join(folder, 'sealed'));
  return { files, blobs: new SealedBlobs({ files, keys, unsealed: new FolderBlobs(folder) }) };
}

function folderOf(place: string, stateDir: string): string {
  if (place === '') return join(stateDir, 'blobs');
  if (isAbsolute(place)) return place;
  if (place.startsWith('file:///') && URL.canParse(place)) return fileURLToPath(place);
  throw new GloveboxError('config_invalid', 'GLOVEBOX_BLOBS_URL is neither the path of a folder nor the URL of a bucket');
}
