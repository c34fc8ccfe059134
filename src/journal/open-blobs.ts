import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BlobStore, GloveboxError } from '../contracts/index.ts';
import type { BlobFiles } from './blob-files.ts';
import { BlobFolder } from './blob-folder.ts';
import { FolderBlobs } from './folder-blobs.ts';
import type { PayloadKeys } from './seal/payload-keys.ts';
import { ANSWERS_FOLDER, SealedBlobs } from './seal/sealed-blobs.ts';

/**
 * The blobs that were configured, sealed: in a folder of the state folder, or in what `GLOVEBOX_BLOBS_URL` names, a folder or a bucket that machines share. What an older version put into the
 * folder goes on being read. Answers are apart from the others, because they are removed after a day. Nothing is asked of a bucket before the first use. Errors: `config_invalid`.
 */
export async function openBlobs(env: Readonly<Record<string, string | undefined>>, stateDir: string, keys: PayloadKeys): Promise<{ readonly blobs: BlobStore; readonly answers: BlobStore; readonly files: BlobFiles }> {
  const place = env['GLOVEBOX_BLOBS_URL']?.trim() ?? '';
  const isBucket = place.startsWith('s3:');
  const folder = isBucket ? ownFolder(stateDir) : folderOf(place, stateDir);
  const files = isBucket ? await openBucket(place, env) : new BlobFolder(join(folder, 'sealed'));
  const unsealed = new FolderBlobs(folder);
  return { files, blobs: new SealedBlobs({ files, keys, unsealed }), answers: new SealedBlobs({ files, keys, unsealed, folder: ANSWERS_FOLDER }) };
}

/** Only now: whoever has no bucket does not wait for its client at each start. */
async function openBucket(url: string, env: Parameters<typeof openBlobs>[0]): Promise<BlobFiles> {
  const { openBlobBucket } = await import('./s3/index.ts');
  return openBlobBucket(url, env);
}

function folderOf(place: string, stateDir: string): string {
  if (place === '') return ownFolder(stateDir);
  if (isAbsolute(place)) return place;
  if (place.startsWith('file:///') && URL.canParse(place)) return fileURLToPath(place);
  throw new GloveboxError('config_invalid', 'GLOVEBOX_BLOBS_URL is neither the path of a folder nor the URL of a bucket (s3://bucket/prefix)');
}

function ownFolder(stateDir: string): string {
  return join(stateDir, 'blobs');
}
