import { GloveboxError } from '../../contracts/index.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where objects of a bucket are, and for which region requests are signed. */
export interface BucketAddress {
  /** For messages: `s3://bucket/prefix`. */
  readonly name: string;
  /** Of an object by its key; a query for the bucket itself. */
  readonly url: (key: string, query?: Readonly<Record<string, string>>) => URL;
  /** What every key begins with: empty, or ending with a slash. */
  readonly prefix: string;
  readonly region: string;
}

const EXAMPLE = 's3://bucket/prefix?region=eu-central-1, and for a server that is not of AWS &endpoint=https://host:9000';
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** `s3://bucket/prefix?endpoint=…&region=…`. What it does not say, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, `AWS_REGION` and `AWS_DEFAULT_REGION` do. Errors: `config_invalid`, which names `source`. */
export function parseBucketUrl(text: string, source: string, env: Environment): BucketAddress {
  const invalid = (problem: string): GloveboxError => new GloveboxError('config_invalid', `${source} is not the URL of a bucket: ${problem}. Write ${EXAMPLE}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 's3:') throw invalid('it does not begin with s3:');
  if (url.username !== '' || url.password !== '') throw invalid('keys do not belong into it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  const bucket = url.hostname;
  if (!BUCKET.test(bucket)) throw invalid(`"${bucket}" is no name of a bucket`);
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'endpoint' && name !== 'region');
  if (unknown !== undefined) throw invalid(`there is no parameter ${unknown}`);
  const folder = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  const region = url.searchParams.get('region') ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1';
  const endpoint = url.searchParams.get('endpoint') ?? env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
  const root = rootOf(bucket, region, endpoint);
  if (root === undefined) throw invalid(`its endpoint ${endpoint ?? ''} is no http or https address`);
  const name = `s3://${bucket}${folder === '' ? '' : `/${folder}`}`;
  return { name, region, prefix: folder === '' ? '' : `${folder}/`, url: (key, query = {}) => addressOf(root, key, query) };
}

/** A bucket of AWS is a host; elsewhere it is a folder, which every server knows. */
function rootOf(bucket: string, region: string, endpoint: string | undefined): string | undefined {
  if (endpoint === undefined || endpoint === '') return `https://${bucket}.s3.${region}.amazonaws.com`;
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) return undefined;
  return `${endpoint.replace(/\/+$/, '')}/${bucket}`;
}

function addressOf(root: string, key: string, query: Readonly<Record<string, string>>): URL {
  const url = new URL(`${root}/${key.split('/').map(encodeURIComponent).join('/')}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}
