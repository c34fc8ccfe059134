import { connect as encrypt } from 'node:tls';
import { PROXY_PORT } from '../../contracts/index.ts';
import { deadlineSignal, raceSignal } from '../deadline.ts';
import { broken, held, notApplicable, together } from './check.ts';
import type { Judgement } from './check.ts';
import type { PipedConnection } from './piped-connection.ts';
import type { ProbedPlace } from './probed-place.ts';

/** Something that a program says on a connection, and that must come to nothing but a refusal. */
export interface Try {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** In latin1. */
  readonly says: string;
  /** It speaks TLS first, and asks for the certificate of this name. */
  readonly servername?: string;
}

const PROXY = '127.0.0.1';
const PATIENCE_MS = 10_000;
const SOCKS_GREETED = '\x05\x00';
const SOCKS_REPLY_BYTES = 10;
const [WEB, WEB_ENCRYPTED] = [80, 443];
/** Asks for no more than to be answered, and for nothing after that. */
const ask = (target: string, host: string): string => `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;

/** A request to the proxy, in the clear. */
export function absolute(authority: string, host = authority): Try {
  return { name: `GET http://${authority}/`, host: PROXY, port: PROXY_PORT, says: ask(`http://${authority}/`, host) };
}

/** A tunnel through the proxy, and a request in it: where a program would show nothing of a refused CONNECT, it is told inside. */
export function tunnelled(authority: string): Try {
  return { name: `CONNECT ${authority}`, host: PROXY, port: PROXY_PORT, says: `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n${ask('/', authority)}` };
}

/** By SOCKS5, as a name: whatever looks like an address is one to whoever resolves it. */
export function socks(name: string, port = WEB): Try {
  const ports = String.fromCharCode(port >> 8, port & 0xff);
  return { name: `SOCKS ${name}`, host: PROXY, port: PROXY_PORT, says: `\x05\x01\x00\x05\x01\x00\x03${String.fromCharCode(name.length)}${name}${ports}${ask('/', name)}` };
}

/** As programs dial that know nothing of a proxy. */
export function byName(host: string, port = WEB, says = ask('/', host)): Try {
  return { name: `${host}:${port}`, host, port, says };
}

/** All ways through the proxy. IPv6 addresses are written as authorities have them. */
export function throughProxy(hosts: readonly string[]): Try[] {
  return hosts.flatMap((host) => {
    const authority = host.includes(':') ? `[${host.replace('%', '%25')}]` : host;
    return [absolute(authority), tunnelled(`${authority}:${WEB}`), tunnelled(`${authority}:${WEB_ENCRYPTED}`), socks(host)];
  });
}

/** Tries them one after the other. Not applicable where there is no way out. */
export async function refusedOnTheWayOut(place: ProbedPlace, tries: readonly Try[]): Promise<Judgement> {
  if (place.wayOut === undefined) return notApplicable('there is no way out');
  const ways = new Map<string, number>();
  for (const one of tries) {
    const answer = await answered(place, one);
    const refusal = refusalIn(answer);
    if (refusal === undefined) return broken(`${one.name} was answered with ${JSON.stringify(answer.slice(0, 200))}`);
    ways.set(refusal, (ways.get(refusal) ?? 0) + 1);
  }
  return held(`on the way out: ${[...ways].map(([refusal, times]) => `${times} ${refusal}`).join(', ')}`);
}

/** Nothing comes of it either way: not by the kernel, and not by the way out where there is one. */
export async function nowhere(place: ProbedPlace, byItself: Promise<Judgement>, tries: readonly Try[]): Promise<Judgement> {
  const itself = await byItself;
  return together([await refusedOnTheWayOut(place, tries), itself]);
}

/** All that comes back; nothing where the connection was cut off, or never made. */
async function answered(place: ProbedPlace, { host, port, says, servername }: Try): Promise<string> {
  const connection = place.connect(host, port);
  const stream = servername === undefined ? connection : encrypt({ socket: connection, servername, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  try {
    stream.on('error', () => {}).write(Buffer.from(says, 'latin1'));
    return await raceSignal(everything(stream), deadlineSignal(PATIENCE_MS));
  } finally {
    connection.destroy();
  }
}

async function everything(stream: PipedConnection | ReturnType<typeof encrypt>): Promise<string> {
  let text = '';
  try {
    for await (const bytes of stream as AsyncIterable<Buffer>) text += bytes.toString('latin1');
  } catch {
    // Cut off: what came before is what there is.
  }
  return text;
}

/** How it was refused, undefined where it was not. A gateway's own failure is none: something was dialled. */
function refusalIn(answer: string): string | undefined {
  if (answer === '') return 'cut off';
  if (answer.startsWith(SOCKS_GREETED)) {
    const reply = answer.charCodeAt(SOCKS_GREETED.length + 1);
    if (reply === 0) return refusalIn(answer.slice(SOCKS_GREETED.length + SOCKS_REPLY_BYTES) || '?');
    // Not allowed, or no address is dialled. Others say that something was tried.
    return reply === 2 || reply === 8 ? 'refused by SOCKS' : undefined;
  }
  const said = answer.replace(/^HTTP\/1\.1 200 [^\r\n]*\r\n\r\n/, '');
  const [, status] = /^HTTP\/1\.1 (4\d\d) [^]*?\r\nx-glovebox: refused\r\n/i.exec(said) ?? [];
  return status === undefined || status === '429' ? undefined : `refused with ${status}`;
}
