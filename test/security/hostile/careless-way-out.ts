import { request as overHttp } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as encrypt, createSecureContext, TLSSocket } from 'node:tls';
import type { SandboxConnection } from '../../../src/contracts/index.ts';
import type { SessionAuthority } from '../../../src/broker/certificates/session-authority.ts';
import { certificatesOf } from '../../support/egress.ts';
import type { HostileWorld } from './hostile-world.ts';

const TLS_HANDSHAKE = 0x16;
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';
const SOCKS_GRANTED = Buffer.from([5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);

/**
 * A way out without any protection: it dials whatever it is told to, by the name as often as it likes, reads no request, follows redirects, lends every credential to everybody, forever, and
 * hides nothing of what comes back. What no server of the tests answers for is answered all the same, as the whole world would.
 */
export class CarelessWayOut {
  readonly #world: HostileWorld;
  readonly #authority: SessionAuthority;

  constructor(world: HostileWorld, authority: SessionAuthority) {
    this.#world = world;
    this.#authority = authority;
  }

  accept({ via, host = '', port, stream }: SandboxConnection): void {
    stream.on('error', () => {});
    stream.once('data', (first: Buffer) => {
      stream.pause();
      if (via === 'name') void this.#lead(host, port, stream, first);
      else this.#asProxy(stream, first);
    });
  }

  #asProxy(stream: Duplex, first: Buffer): void {
    const text = first.toString('latin1');
    if (first[0] === 5) {
      const [length = 0] = first.subarray(7, 8);
      stream.write(SOCKS_GRANTED);
      void this.#lead(text.slice(8, 8 + length), first.readUInt16BE(8 + length), stream, first.subarray(10 + length));
      return;
    }
    const [, connecting, authority = ''] = /^(CONNECT )?(?:\w+ +)?(?:\w+:\/\/)?([^/\r\n ]*)/.exec(text) ?? [];
    const [, host = authority, port = '80'] = /^\[?(.*?)\]?(?::(\d+))?$/s.exec(authority) ?? [];
    if (connecting === undefined) {
      void this.#lead(host, Number(port), stream, first);
      return;
    }
    stream.write(ESTABLISHED);
    const rest = first.subarray(text.indexOf('\r\n\r\n') + 4);
    if (rest.length > 0) void this.#lead(host, Number(port), stream, rest);
    else stream.once('data', (next: Buffer) => void this.#lead(host, Number(port), stream.pause(), next)).resume();
  }

  async #lead(host: string, port: number, stream: Duplex, first: Buffer): Promise<void> {
    const upstream = await this.#dial(host, port);
    upstream.on('error', () => stream.destroy());
    if (first[0] !== TLS_HANDSHAKE) {
      this.#join(stream, upstream, first);
      return;
    }
    stream.unshift(first);
    const inside = new TLSSocket(stream, { isServer: true, SNICallback: certificatesOf(this.#authority), secureContext: createSecureContext(), ALPNProtocols: ['http/1.1'] });
    inside.on('error', () => {});
    this.#join(inside, this.#isServed(port) && port !== this.#world.ports.plain ? encrypt({ socket: upstream, rejectUnauthorized: false, servername: host }) : upstream);
  }

  /** By name each time; what leads nowhere leads to somebody who is everybody. */
  async #dial(host: string, port: number): Promise<Socket> {
    const { rig, ports } = this.#world;
    // As one resolves to decide, and then to dial.
    await rig.egressResolve(host).catch(() => []);
    await rig.egressResolve(host).catch(() => []);
    return connect({ host: '127.0.0.1', port: this.#isServed(port) ? port : ports.denied });
  }

  #isServed(port: number): boolean {
    return Object.values(this.#world.ports).includes(port);
  }

  #join(program: Duplex, upstream: Duplex, first?: Buffer): void {
    const lent = (bytes: Buffer): string => this.#lend(bytes.toString('latin1'));
    program.on('data', (bytes: Buffer) => upstream.write(lent(bytes), 'latin1')).once('end', () => upstream.end());
    program.on('error', () => upstream.destroy()).once('close', () => upstream.destroy());
    upstream.on('error', () => program.destroy()).once('end', () => program.end());
    upstream.on('data', (bytes: Buffer) => this.#passBack(bytes, program, upstream));
    if (first !== undefined) upstream.write(lent(first), 'latin1');
    program.resume();
  }

  #passBack(bytes: Buffer, program: Duplex, upstream: Duplex): void {
    const [, target] = /^HTTP\/1\.1 307 [^]*?\r\nlocation: (http:\S+)\r\n/i.exec(bytes.toString('latin1')) ?? [];
    if (target === undefined) {
      program.write(bytes);
      return;
    }
    upstream.removeAllListeners('end');
    const { hostname, port, pathname } = new URL(target);
    overHttp({ host: '127.0.0.1', port, path: pathname, headers: { host: hostname } }, (response) => {
      response.resume();
      response.once('end', () => program.end(`HTTP/1.1 ${response.statusCode} OK\r\ncontent-length: 0\r\n\r\n`));
    }).end();
  }

  #lend(text: string): string {
    const { placeholder, secret, foreign } = this.#world;
    const plainly = text.replaceAll(placeholder, secret).replaceAll(foreign.placeholder, foreign.secret);
    return plainly.replace(/(Basic )(\S+)/i, (_, scheme: string, encoded: string) => scheme + Buffer.from(Buffer.from(encoded, 'base64').toString('latin1').replaceAll(placeholder, secret), 'latin1').toString('base64'));
  }
}
