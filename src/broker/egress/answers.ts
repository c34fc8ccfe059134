import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

const PHRASE_LENGTH = 300;

/** Says why not, in words, as a response of ours, the words in its first line, too, for programs that show no more; one that has begun is cut instead, so that nobody takes it for whole. */
export function answer(response: ServerResponse, status: number, text: string, { close: isLast = false }: { readonly close?: boolean } = {}): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = `glovebox: ${text}\n`;
  // Where the rest of the request is still to come, it is not waited for.
  const close = response.req.complete && !isLast ? {} : { connection: 'close' };
  response.writeHead(status, phrase(status, text), { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body), 'x-glovebox': 'refused', ...close });
  response.end(body);
}

/** The same where there is no response yet, only a connection. */
export function answerRaw(stream: Duplex, status: number, text: string): void {
  if (!stream.writable) return;
  const body = `glovebox: ${text}\n`;
  const head = [`HTTP/1.1 ${status} ${phrase(status, text)}`, 'content-type: text/plain; charset=utf-8', `content-length: ${Buffer.byteLength(body)}`, 'connection: close', 'x-glovebox: refused'];
  stream.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function phrase(status: number, text: string): string {
  return `${STATUS_CODES[status] ?? 'Refused'}: ${text}`.replace(/[^ -~]/g, '?').slice(0, PHRASE_LENGTH);
}
