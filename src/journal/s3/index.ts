// s3: blobs in an S3-compatible bucket.
// Apart from the room's own index, because its client takes time to load: open-blobs.ts asks for it where a bucket is configured.
// `Bucket` signs requests, and asks again what may be asked again; `BlobBucket` keeps blobs in it, as `BlobFolder` does in a folder: one suite, test/integration/blob-files.suite.ts.
import { readAwsKeys } from './aws-keys.ts';
import { BlobBucket } from './blob-bucket.ts';
import { Bucket } from './bucket.ts';
import { parseBucketUrl } from './bucket-address.ts';

/** `url`: the bucket, by `GLOVEBOX_BLOBS_URL`. Errors: `config_invalid`. */
export function openBlobBucket(url: string, env: Readonly<Record<string, string | undefined>>): BlobBucket {
  const address = parseBucketUrl(url, 'GLOVEBOX_BLOBS_URL', env);
  return new BlobBucket(new Bucket(address, () => readAwsKeys(env)), address);
}
