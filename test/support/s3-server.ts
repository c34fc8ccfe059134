// A stand-in for an S3-compatible server, for tests alone and written by hand: it keeps objects in memory, and checks each signature by code of its own, after
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html, from the bytes that it got. It shares nothing with what signs.
import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface S3Keys {
  readonly id: string;
  readonly secret: string;
  readonly token?: string;
}

/** Instead of an answer: a status with a code, the connection cut after so many bytes, or nothing at all. */
type Trouble = { readonly status: number; readonly code: string } | { readonly cutAfter: number } | 'silence';

const PAGE = 2;

export class S3Server {
  readonly objects = new Map<string, Buffer>();
  /** What the next requests run into, one each. */
  readonly trouble: Trouble[] = [];
  /** Method and path of each request. */
  readonly asked: string[] = [];
  /** What it said no to, and why. */
  readonly refused: string[] = [];
  readonly #keys: S3Keys;

  constructor(keys: S3Keys) {
    this.#keys = keys;
  }

  readonly serve = (request: IncomingMessage, response: ServerResponse): void => {
    void this.#answer(request, response).catch((error: unknown) => {
      this.refused.push(String(error));
      response.writeHead(403).end(`<Error><Code>SignatureDoesNotMatch</Code><Message>${String(error)}</Message></Error>`);
    });
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = this.#verified(request, await buffer(request));
    const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://stand-in');
    this.asked.push(`${request.method} ${path}`);
    const trouble = this.trouble.shift();
    if (trouble === 'silence') return;
    if (trouble !== undefined && 'status' in trouble) {
      response.writeHead(trouble.status).end(`<Error><Code>${trouble.code}</Code></Error>`);
      return;
    }
    if (searchParams.get('list-type') === '2') return this.#list(path, searchParams, response);
    if (request.method === 'DELETE') {
      this.objects.delete(path);
      response.writeHead(204).end();
      return;
    }
    if (request.method === 'PUT') {
      // As S3 does: it wants to know before how long it will be.
      if (request.headers['content-length'] === undefined) throw new Error('MissingContentLength');
      this.objects.set(path, body);
      response.writeHead(200, { etag: '"x"' }).end();
      return;
    }
    const object = this.objects.get(path);
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    if (object !== undefined && trouble !== undefined) {
      const part = request.headers.range === undefined ? object : object.subarray(Number(first));
      response.writeHead(request.headers.range === undefined ? 200 : 206, { 'content-length': part.length });
      response.write(part.subarray(0, trouble.cutAfter), () => response.destroy());
    } else if (object === undefined) response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
    else if (request.headers.range === undefined) response.end(object);
    else response.writeHead(206).end(object.subarray(Number(first), last === '' ? undefined : Number(last) + 1));
  }

  /** In pages of two, so that whoever lists has to ask again. */
  #list(bucket: string, parameters: URLSearchParams, response: ServerResponse): void {
    const root = bucket.endsWith('/') ? bucket : `${bucket}/`;
    const after = parameters.get('continuation-token') ?? '';
    const names = [...this.objects.keys()].filter((path) => path.startsWith(root)).map((path) => decodeURIComponent(path.slice(root.length)));
    const left = names.filter((name) => name.startsWith(parameters.get('prefix') ?? '') && name > after).toSorted();
    const page = left.slice(0, PAGE);
    const contents = page.map((name) => `<Contents><Key>${name}</Key><LastModified>2026-11-21T12:00:00.000Z</LastModified><Size>${this.objects.get(`${root}${encodeURI(name)}`)?.length}</Size></Contents>`);
    const more = left.length > PAGE ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '<IsTruncated>false</IsTruncated>';
    response.end(`<?xml version="1.0"?><ListBucketResult>${more}${contents.join('')}</ListBucketResult>`);
  }

  #verified(request: IncomingMessage, raw: Buffer): Buffer {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const query = [...url.searchParams].map(([name, value]) => [name, value] as const);
    const inQuery = url.searchParams.get('X-Amz-Signature') !== null;
    const header = /Credential=(\S+?), *SignedHeaders=(\S+?), *Signature=(\w+)/.exec(request.headers.authorization ?? '');
    const [credential, signedHeaders, signature] = inQuery ? ['X-Amz-Credential', 'X-Amz-SignedHeaders', 'X-Amz-Signature'].map((name) => url.searchParams.get(name) ?? '') : (header?.slice(1) ?? []);
    if (credential === undefined || signedHeaders === undefined || signature === undefined) throw new Error('it is not signed');
    const [id = '', ...scope] = credential.split('/');
    if (id !== this.#keys.id) throw new Error(`the key ${id} is not known`);
    const token = inQuery ? (url.searchParams.get('X-Amz-Security-Token') ?? undefined) : request.headers['x-amz-security-token'];
    if (token !== this.#keys.token) throw new Error('it has another token');
    const date = inQuery ? (url.searchParams.get('X-Amz-Date') ?? '') : String(request.headers['x-amz-date']);
    const payload = request.headers['x-amz-content-sha256'] ?? (inQuery ? 'UNSIGNED-PAYLOAD' : sha(''));
    const canonical = [
      request.method,
      url.pathname,
      query.filter(([name]) => name !== 'X-Amz-Signature').map(([name, value]) => `${escape(name)}=${escape(value)}`).sort().join('&'),
      ...signedHeaders.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}`),
      '',
      signedHeaders,
      payload,
    ].join('\n');
    const key = scope.reduce<Buffer>((before, part) => createHmac('sha256', before).update(part).digest(), Buffer.from(`AWS4${this.#keys.secret}`));
    const sign = (text: string): string => createHmac('sha256', key).update(text).digest('hex');
    if (sign(['AWS4-HMAC-SHA256', date, scope.join('/'), sha(canonical)].join('\n')) !== signature) throw new Error(`the signature does not fit\n${canonical}`);
    if (payload === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD') return pieces(raw, signature, (before, data) => sign(['AWS4-HMAC-SHA256-PAYLOAD', date, scope.join('/'), before, sha(''), sha(data)].join('\n')));
    if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha(raw)) throw new Error('the body is another');
    return raw;
  }
}

function pieces(raw: Buffer, seed: string, sign: (before: string, data: Buffer) => string): Buffer {
  const all: Buffer[] = [];
  let before = seed;
  for (let at = 0; at < raw.length; ) {
    const end = raw.indexOf('\r\n', at);
    const [size = '', signature = ''] = raw.toString('latin1', at, end).split(';chunk-signature=');
    const data = raw.subarray(end + 2, end + 2 + Number.parseInt(size, 16));
    if (sign(before, data) !== signature) throw new Error(`the signature of a piece of ${data.length} bytes does not fit`);
    all.push(data);
    before = signature;
    at = end + 2 + data.length + 2;
  }
  return Buffer.concat(all);
}

function sha(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function escape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
