import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ProgramAnswer } from './program-answer.ts';

const PHRASE_LENGTH = 300;

/** Says why not, in words, as an answer of ours, the words in its first line, too, for programs that show no more; one that has begun is cut instead, so that nobody takes it for whole. */
export function answer(program: ProgramAnswer, status: number, text: string, { close: isLast = false }: { readonly close?: boolean } = {}): void {
  if (program.hasBegun) {
    program.cut();
    return;
  }
  const body = Buffer.from(`glovebox: ${text}\n`);
  // Where the rest of the request is still to come, it is not waited for.
  program.begin(status, headersOf(body), { phrase: phrase(status, text), last: isLast || !program.isRequestWhole });
  program.write(body);
  program.end();
}

/** The same where there is no answer yet, only a connection. */
export function answerRaw(stream: Duplex, status: number, text: string): void {
  if (!stream.writable) return;
  const body = Buffer.from(`glovebox: ${text}\n`);
  const headers = [...headersOf(body), 'connection', 'close'];
  const lines = headers.map((one, i) => (i % 2 === 0 ? `${one}: ` : `${one}\r\n`)).join('');
  stream.end(`HTTP/1.1 ${status} ${phrase(status, text)}\r\n${lines}\r\n${body.toString()}`);
}

function headersOf(body: Buffer): readonly string[] {
  return ['content-type', 'text/plain; charset=utf-8', 'content-length', String(body.length), 'x-glovebox', 'refused'];
}

function phrase(status: number, text: string): string {
  return `${STATUS_CODES[status] ?? 'Refused'}: ${text}`.replace(/[^ -~]/g, '?').slice(0, PHRASE_LENGTH);
}
