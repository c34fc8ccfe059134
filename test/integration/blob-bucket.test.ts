import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readAwsKeys } from '../../src/journal/s3/aws-keys.ts';
import { BlobBucket } from '../../src/journal/s3/blob-bucket.ts';
import { Bucket, type BucketOptions } from '../../src/journal/s3/bucket.ts';
import { parseBucketUrl } from '../../src/journal/s3/bucket-address.ts';
import { openBlobBucket } from '../../src/journal/s3/index.ts';
import { type S3Keys, S3Server } from '../support/s3-server.ts';
import { testBlobFiles } from './blob-files.suite.ts';

const KEYS: S3Keys = { id: 'AKIASTANDINSTANDIN', secret: 'wJ/alr+XUtnFEMI7MDENGbPxRfiCYEXAMPLE', token: 'lent for a while' };
const ENV = { AWS_ACCESS_KEY_ID: KEYS.id, AWS_SECRET_ACCESS_KEY: KEYS.secret, AWS_SESSION_TOKEN: KEYS.token };

let folder: string;
let s3: S3Server;
let http: Server;
let url: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-bucket-'));
  s3 = new S3Server(KEYS);
  http = createServer(s3.serve);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  url = `s3://blobs/of our own?region=eu-central-1&endpoint=http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});

afterEach(async () => {
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
  const left = readdirSync(folder).filter((name) => name.startsWith('glovebox-blob-'));
  rmSync(folder, { recursive: true });
  expect(left).toEqual([]);
});

function bucketOf(options: BucketOptions = {}, env: Readonly<Record<string, string | undefined>> = ENV): BlobBucket {
  const address = parseBucketUrl(url, 'the test', env);
  return new BlobBucket(new Bucket(address, () => readAwsKeys(env), { firstWaitMs: 1, ...options }), { ...address, temporary: folder });
}

describe('blobs in a bucket', () => {
  testBlobFiles(() => Promise.resolve(bucketOf()));

  test('are objects below the prefix of the URL, each request signed', async () => {
    const files = openBlobBucket(url, ENV);
    await files.write('ab/cdef', Buffer.from('hello'));
    expect([files.place, [...s3.objects]]).toEqual(['s3://blobs/of our own', [['/blobs/of%20our%20own/ab/cdef', Buffer.from('hello')]]]);
    expect(s3.refused).toEqual([]);
  });

  test('survive what passes: a bad moment, a connection that breaks, a server that says nothing', async () => {
    const files = bucketOf({ silenceMs: 300 });
    const blob = randomBytes(300_000);
    s3.trouble.push({ status: 503, code: 'SlowDown' }, 'silence');
    await files.writeStream(one(blob), () => 'ab/cd');
    s3.trouble.push({ status: 500, code: 'InternalError' }, { cutAfter: 100_000 }, { cutAfter: 50_000 });
    expect((await files.read('ab/cd'))?.equals(blob)).toBe(true);
    expect(s3.asked.map((asked) => asked.split(' ')[0]).join(' ')).toBe('PUT PUT PUT GET GET GET GET');
  });

  test('a bucket that is away, or refuses, is a typed error that says which and why', async () => {
    const files = bucketOf();
    s3.trouble.push(...Array.from({ length: 4 }, () => ({ status: 503, code: 'SlowDown' })));
    await expect(files.write('ab/cd', Buffer.from('x'))).rejects.toMatchObject({ code: 'journal_failed', message: 'the bucket s3://blobs/of our own answered PUT with 503 SlowDown, 4 times' });
    // What would be refused again is not asked again.
    s3.trouble.push({ status: 403, code: 'AccessDenied' });
    await expect(files.read('ab/cd')).rejects.toMatchObject({ code: 'journal_failed', message: expect.stringContaining('answered GET with 403 AccessDenied: the key in AWS_ACCESS_KEY_ID may not do this there') });
    s3.trouble.push({ status: 404, code: 'NoSuchBucket' });
    await expect(files.read('ab/cd')).rejects.toMatchObject({ message: expect.stringContaining('NoSuchBucket: make it first') });
    const wrong = bucketOf({}, { ...ENV, AWS_SECRET_ACCESS_KEY: 'another' });
    const refused = wrong.write('ab/cd', Buffer.from('x'));
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('SignatureDoesNotMatch: AWS_SECRET_ACCESS_KEY is not the one') });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining(KEYS.secret) });
    expect(s3.asked).toHaveLength(6);
    await new Promise((resolve) => http.close(resolve).closeAllConnections());
    await expect(files.read('ab/cd')).rejects.toMatchObject({ code: 'journal_failed', message: 'the bucket s3://blobs/of our own cannot be reached (ECONNREFUSED), 4 times' });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  });

  test('keys may lie in files, and are read again when they have changed', async () => {
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), `${text}\n`);
      return join(folder, name);
    };
    const env = { AWS_ACCESS_KEY_ID: KEYS.id, AWS_SECRET_ACCESS_KEY_FILE: file('secret', 'the old one'), AWS_SESSION_TOKEN_FILE: file('token', KEYS.token ?? '') };
    const files = bucketOf({}, env);
    await expect(files.write('ab/cd', Buffer.from('x'))).rejects.toMatchObject({ code: 'journal_failed' });
    file('secret', KEYS.secret);
    await files.write('ab/cd', Buffer.from('x'));
    rmSync(join(folder, 'secret'));
    await expect(files.read('ab/cd')).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('AWS_SECRET_ACCESS_KEY_FILE names a file that cannot be read') });
    await expect(bucketOf({}, {}).read('ab/cd')).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY') });
  });
});

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

describe('the URL of a bucket', () => {
  const addressOf = (text: string, env: Readonly<Record<string, string>> = {}) => parseBucketUrl(text, 'X', env);

  test('without an endpoint is one of AWS; with one, the bucket is a folder there', () => {
    const aws = addressOf('s3://my.blobs/a/b/?region=eu-west-1');
    expect([aws.name, aws.prefix, aws.region, aws.url('k/ü+').href]).toEqual(['s3://my.blobs/a/b', 'a/b/', 'eu-west-1', 'https://my.blobs.s3.eu-west-1.amazonaws.com/k/%C3%BC%2B']);
    const own = addressOf('s3://blobs', { AWS_REGION: 'auto', AWS_ENDPOINT_URL: 'https://minio.test:9000/' });
    expect([own.name, own.prefix, own.region, own.url('', { 'list-type': '2' }).href]).toEqual(['s3://blobs', '', 'auto', 'https://minio.test:9000/blobs/?list-type=2']);
  });

  test.each([
    ['https://blobs', 'it does not begin with s3:'],
    ['s3://id:secret@blobs', 'keys do not belong into it'],
    ['s3://B', 'is no name of a bucket'],
    ['s3://blobs?regio=x', 'there is no parameter regio'],
    ['s3://blobs?endpoint=minio', 'its endpoint minio is no http or https address'],
  ])('%s is refused with a sentence', (text, why) => {
    expect(() => addressOf(text)).toThrow(expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(why) }));
  });
});
