import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

/** A registry on this machine, which an engine pulls from without TLS. It has one image, `thing:1`. */
export class Registry implements AsyncDisposable {
  readonly #server: Server;
  /** `127.0.0.1:<port>` */
  readonly host: string;
  readonly digest: string;

  /** With a listener it answers nothing by itself. */
  static async start(listener?: RequestListener): Promise<Registry> {
    const image = await smallImage();
    const server = createServer(listener ?? ((request, response) => {
      const [, , , ...rest] = (request.url ?? '').split('/');
      const path = rest.join('/');
      response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
      if (path === '') return void response.end('{}');
      const found = image.contents.get(path);
      if (found === undefined) return void response.writeHead(404, { 'Content-Type': 'application/json' }).end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
      if (path.startsWith('manifests/')) response.setHeader('Content-Type', MANIFEST).setHeader('Docker-Content-Digest', image.digest);
      response.setHeader('Content-Length', found.length).end(request.method === 'HEAD' ? undefined : found);
    }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Registry(server, image.digest);
  }

  private constructor(server: Server, digest: string) {
    this.#server = server;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port, so it is no path
    this.digest = digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** What is asked for under `/v2/thing/`, for an image of one file. */
async function smallImage(): Promise<{ contents: ReadonlyMap<string, Buffer>; digest: string }> {
  const tar = pack();
  tar.entry({ name: 'greeting', mode: 0o644, mtime: new Date(0) }, 'from a registry\n');
  tar.finalize();
  const layer = await buffer(tar);
  const zipped = gzipSync(layer);
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const config = json({ architecture, os: 'linux', config: { Env: ['A=1'] }, rootfs: { type: 'layers', diff_ids: [digestOf(layer)] }, history: [{}] });
  const part = (mediaType: string, bytes: Buffer) => ({ mediaType: `application/vnd.docker.${mediaType}`, size: bytes.length, digest: digestOf(bytes) });
  const manifest = json({ schemaVersion: 2, mediaType: MANIFEST, config: part('container.image.v1+json', config), layers: [part('image.rootfs.diff.tar.gzip', zipped)] });
  const digest = digestOf(manifest);
  const contents = new Map([
    ['manifests/1', manifest],
    [`manifests/${digest}`, manifest],
    [`blobs/${digestOf(config)}`, config],
    [`blobs/${digestOf(zipped)}`, zipped],
  ]);
  return { contents, digest };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
