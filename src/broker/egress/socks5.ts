import type { Duplex } from 'node:stream';
import { readBytes } from './first-bytes.ts';
import { canonicalName, type Destination } from './names.ts';
import { EgressRefusal } from './refusal.ts';

// RFC 1928: no authentication, CONNECT alone, names alone.
export const SOCKS5_VERSION = 5;
const NO_AUTHENTICATION = 0;
const NO_METHOD = 0xff;
const CONNECT = 1;
const NAME = 3;

/** How a request ends, as its client hears it. */
export const SocksReply = { granted: 0, failed: 1, refused: 2, unreachable: 4, noCommand: 7, noAddress: 8 } as const;

/** Where a client wants to go. It is to be answered with `replySocks`; where it is refused here, it was. Errors: `EgressRefusal`. */
export async function readSocks(stream: Duplex): Promise<Destination> {
  const [, methods = 0] = await readBytes(stream, 2);
  const offered = await readBytes(stream, methods);
  if (!offered.includes(NO_AUTHENTICATION)) {
    stream.end(Buffer.from([SOCKS5_VERSION, NO_METHOD]));
    throw new EgressRefusal('request_invalid', 'SOCKS without authentication is what is spoken here');
  }
  stream.write(Buffer.from([SOCKS5_VERSION, NO_AUTHENTICATION]));
  const [version, command, , kind] = await readBytes(stream, 4);
  if (version !== SOCKS5_VERSION || command !== CONNECT) return refuse(stream, SocksReply.noCommand, 'SOCKS is spoken here to connect, and for nothing else');
  if (kind !== NAME) return refuse(stream, SocksReply.noAddress, 'an address was asked for: only names can be reached (socks5h://, not socks5://)', 'host_invalid');
  const [length = 0] = await readBytes(stream, 1);
  const name = await readBytes(stream, length);
  const port = (await readBytes(stream, 2)).readUInt16BE();
  try {
    if (port === 0) throw new EgressRefusal('host_invalid', 'there is no port 0');
    return { host: canonicalName(name.toString('latin1')), port };
  } catch (error) {
    replySocks(stream, SocksReply.refused);
    throw error;
  }
}

/** All but `granted` end the connection. */
export function replySocks(stream: Duplex, reply: (typeof SocksReply)[keyof typeof SocksReply]): void {
  const bytes = Buffer.from([SOCKS5_VERSION, reply, 0, 1, 0, 0, 0, 0, 0, 0]);
  if (reply === SocksReply.granted) stream.write(bytes);
  else stream.end(bytes);
}

function refuse(stream: Duplex, reply: (typeof SocksReply)[keyof typeof SocksReply], text: string, code: 'request_invalid' | 'host_invalid' = 'request_invalid'): never {
  replySocks(stream, reply);
  throw new EgressRefusal(code, text);
}
