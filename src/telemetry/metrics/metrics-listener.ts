import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeError, GloveboxError, type MetricsText } from '../../contracts/index.ts';

export interface MetricsListener extends AsyncDisposable {
  /** `http://127.0.0.1:9464/metrics` */
  readonly url: string;
}

/** Where figures are read without a key: for a network that only whoever watches has. Nothing else is there. Errors: `config_invalid`. */
export async function listenForMetrics(metrics: MetricsText, { host, port }: { readonly host: string; readonly port: number }): Promise<MetricsListener> {
  const server = createServer((request, response) => void answer(metrics, request, response));
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new GloveboxError('config_invalid', `cannot listen for metrics at ${host}:${port}: ${describeError(error)}`, { cause: error })));
    server.listen({ host, port }, resolve);
  });
  // It listens on TCP.
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/metrics`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(metrics: MetricsText, { method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (method !== 'GET' || url?.split('?')[0] !== '/metrics') return void response.writeHead(404).end('only GET /metrics is here\n');
  try {
    const text = await metrics.text();
    response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
  } catch {
    response.writeHead(500).end('the figures cannot be had\n');
  }
}
