import type { Duplex } from 'node:stream';
import { answerRaw } from './answers.ts';
import { replySocks, SocksReply } from './socks5.ts';

/** How a program that dialled hears whether it may. */
export interface Caller {
  readonly via: 'name' | 'proxy';
  granted(stream: Duplex): void;
  refused(stream: Duplex, status: number, text: string): void;
}

/** It thinks that it speaks to the other side: what it is told comes as an answer of that side, or not at all. */
export const NAMED: Caller = {
  via: 'name',
  granted: () => {},
  refused: (stream) => stream.destroy(),
};

export const PROXIED: Caller = {
  via: 'proxy',
  granted: (stream) => void stream.write('HTTP/1.1 200 Connection established\r\n\r\n'),
  refused: answerRaw,
};

export const SOCKS: Caller = {
  via: 'proxy',
  granted: (stream) => replySocks(stream, SocksReply.granted),
  refused: (stream, status) => {
    if (stream.writable) replySocks(stream, status === 403 ? SocksReply.refused : status === 502 || status === 504 ? SocksReply.unreachable : SocksReply.failed);
  },
};
