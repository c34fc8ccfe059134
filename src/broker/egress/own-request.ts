import { request as overHttp, type IncomingMessage } from 'node:http';
import { duplexPair, type Duplex } from 'node:stream';
import { connect as encrypt } from 'node:tls';
import { describeError, type EgressAnswer, type EgressCall, GloveboxError, type SandboxConnection } from '../../contracts/index.ts';

export interface OwnRequestOptions {
  readonly accept: (connection: SandboxConnection) => void;
  /** The session's authority: to who asks, this is the other side. */
  readonly certificate: string;
}

const PORTS = { 'http:': 80, 'https:': 443 } as const;

/**
 * One request of a program that is in no sandbox. It goes in where those of sandboxes come in, and so is read, decided, resolved, lent credentials and written down as they are: there is
 * no other way out for it. Errors: `usage`, `egress_failed`, `cancelled`.
 */
export async function ownRequest({ accept, certificate }: OwnRequestOptions, { url, method, headers, body, mostBytes, signal }: EgressCall): Promise<EgressAnswer> {
  const { protocol, hostname, port, pathname, search, username, password, host } = targetOf(url);
  if (username !== '' || password !== '') throw new GloveboxError('usage', 'an address has no user and no password in it: use a header');
  const [ours, theirs] = duplexPair();
  theirs.once('close', () => ours.destroy());
  accept({ via: 'name', host: hostname, port: port === '' ? PORTS[protocol] : Number(port), stream: theirs });
  try {
    const socket = protocol === 'https:' ? encrypt({ socket: ours, servername: hostname, ca: certificate, ALPNProtocols: ['http/1.1'] }) : ours;
    const answer = await asked(socket, { path: pathname + search, method, headers: { ...headers, host, connection: 'close' }, body, signal });
    return { status: answer.statusCode ?? 0, headers: plain(answer), body: await bounded(answer, mostBytes) };
  } catch (error) {
    if (error instanceof GloveboxError) throw error;
    if (signal.aborted) throw new GloveboxError('cancelled', 'the request was cancelled', { cause: error });
    throw new GloveboxError('egress_failed', `the request broke off: ${describeError(error)}`, { cause: error });
  } finally {
    ours.destroy();
  }
}

function targetOf(text: string): URL & { readonly protocol: keyof typeof PORTS } {
  const url = URL.parse(text);
  if (url === null || !Object.hasOwn(PORTS, url.protocol)) throw new GloveboxError('usage', 'expected an address such as https://host/path');
  return url as URL & { readonly protocol: keyof typeof PORTS }; // just looked at
}

interface Question extends Pick<EgressCall, 'method' | 'body' | 'signal'> {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

function asked(socket: Duplex, { body, ...options }: Question): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject).once('close', () => reject(new Error('nothing was answered')));
    const request = overHttp({ createConnection: () => socket, ...options });
    request.once('response', resolve).once('error', reject);
    request.end(body);
  });
}

function plain({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value = '']) => [name, Array.isArray(value) ? value.join(', ') : value]));
}

async function bounded(answer: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > mostBytes) throw new GloveboxError('egress_failed', `the answer is longer than ${mostBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
