import type { Duplex, Transform } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import type { Clock, CredentialGrant, Egress, EgressAnswer, EgressCall, EgressGate, EgressProvisions, NetworkGrant, OutputFilter, SandboxConnection } from '../../contracts/index.ts';
import { provisionsFor } from '../certificates/provisions.ts';
import type { Canaries } from '../canaries/canaries.ts';
import type { KnownSecrets } from '../redaction/known-secrets.ts';
import type { Lease } from '../credentials/lease.ts';
import { SessionCredentials } from '../credentials/session-credentials.ts';
import type { SessionAuthority } from '../certificates/session-authority.ts';
import type { SessionRegistries } from '../registries/session-registries.ts';
import type { RegistryCache } from '../registry-cache/registry-cache.ts';
import { answerRaw } from './answers.ts';
import type { Origin } from './asked.ts';
import { Budget } from './budget.ts';
import { type Caller, NAMED, PROXIED, SOCKS } from './caller.ts';
import { Chronicle, UNWRITABLE } from './chronicle.ts';
import { Clearance } from './clearance.ts';
import { Deadline, type EgressDeadlines } from './deadline.ts';
import { Exchanges } from './exchanges.ts';
import { peekByte } from './first-bytes.ts';
import { linger, LINGER_MS } from './linger.ts';
import { canonicalName, type Destination, readAuthority } from './names.ts';
import { ownRequest } from './own-request.ts';
import { ProgramConnection, type ProgramListener } from './program-connection.ts';
import { guardOf, refuseCanary } from './refuse-canary.ts';
import { EgressRefusal, UpstreamFailure } from './refusal.ts';
import { readSocks, SOCKS5_VERSION } from './socks5.ts';
import { splice } from './splice.ts';
import { type Resolve, Upstreams } from './upstreams.ts';

export interface SessionEgressOptions {
  readonly gate: EgressGate;
  readonly network: NetworkGrant;
  readonly leases: readonly Lease[];
  readonly grants: readonly CredentialGrant[];
  readonly canaries: Canaries;
  readonly known: KnownSecrets;
  readonly registries: SessionRegistries;
  readonly cache: RegistryCache | undefined;
  readonly authority: SessionAuthority;
  readonly resolve: Resolve;
  readonly deadlines: EgressDeadlines;
  readonly clock: Clock;
}

const TLS_HANDSHAKE = 0x16;
const HTTPS_PORT = 443;
const STOP_MS = 500;

/** Takes the connections of one session's sandboxes, finds out what each of them wants, and has it done or refused. */
export class SessionEgress implements Egress {
  readonly #options: SessionEgressOptions;
  readonly #budget: Budget;
  readonly #upstreams: Upstreams;
  readonly #clearance: Clearance;
  readonly #chronicle: Chronicle;
  readonly #credentials: SessionCredentials;
  readonly #programs: ProgramListener;
  readonly #connections = new Set<Duplex>();
  readonly #work = new Set<Promise<void>>();
  readonly #over = new AbortController();
  #provisions: { readonly folder: string; readonly are: EgressProvisions } | undefined;

  constructor(options: SessionEgressOptions) {
    const { gate, network, registries, resolve, deadlines, clock } = options;
    this.#options = options;
    this.#budget = new Budget(network.limits, clock);
    this.#upstreams = new Upstreams({ resolve, deadlines, ownAt: (destination) => registries.authoritiesAt(destination) });
    this.#clearance = new Clearance(gate, [...network.destinations, ...registries.destinations], this.#upstreams);
    const stop = (): void => this.#stop();
    this.#chronicle = new Chronicle(gate, stop);
    this.#credentials = new SessionCredentials(options.leases, options.grants, { named: (request) => registries.named(request), permit: (request, signal) => this.#clearance.permit([request], signal) });
    const exchanges = new Exchanges({ canaries: options.canaries, clearance: this.#clearance, credentials: this.#credentials, registries, cache: options.cache, chronicle: this.#chronicle, budget: this.#budget, deadlines, clock, undecided: stop });
    this.#programs = {
      arrived: (arrived) => this.#follow(exchanges.serve(arrived)),
      connect: (authority, stream) => this.#attend(stream, PROXIED, () => this.#lead(readAuthority(authority), stream, PROXIED)),
      refused: (refusal, origin) => this.#chronicle.refused(origin?.via ?? 'proxy', origin, refusal),
    };
  }

  get certificate(): string {
    return this.#options.authority.certificate;
  }

  provisions(folder: string): EgressProvisions {
    // The same for every sandbox of the session, and a few hundred certificates to write.
    if (this.#provisions?.folder !== folder) this.#provisions = { folder, are: this.#provide(folder) };
    return this.#provisions.are;
  }

  #provide(folder: string): EgressProvisions {
    const { network, registries, canaries } = this.#options;
    const own = provisionsFor(folder, this.certificate);
    const placeholders = this.#credentials.env;
    const clients = registries.provisions(folder, placeholders);
    return { ports: registries.portsBeside(network), files: { ...canaries.files, ...own.files, ...clients.files }, env: { ...canaries.env, ...own.env, ...clients.env, ...placeholders } };
  }

  outputFilter(onCanary: (canary: string) => void): OutputFilter | undefined {
    const { canaries, known, leases } = this.#options;
    const watch = canaries.areThere ? canaries.watch(onCanary) : undefined;
    const mask = leases.length > 0 ? known.byteMask() : undefined;
    if (watch === undefined && mask === undefined) return undefined;
    return (bytes, isLast) => {
      watch?.(bytes);
      return mask === undefined ? bytes : mask(bytes, isLast);
    };
  }

  secretSight(): ((bytes: Uint8Array) => string | undefined) | undefined {
    return this.#options.leases.length > 0 ? this.#options.known.sight() : undefined;
  }

  canariesIn(text: string): readonly string[] {
    return this.#options.canaries.in(text);
  }

  accept({ via, host = '', port, stream }: SandboxConnection): void {
    // The program, or the sandbox under it, may go at any time.
    stream.on('error', () => {});
    const caller = via === 'name' ? NAMED : PROXIED;
    try {
      if (this.#over.signal.aborted) throw UNWRITABLE;
      this.#budget.enter();
    } catch (error) {
      if (error instanceof EgressRefusal) this.#chronicle.refused(via, { host, port }, error);
      stream.destroy();
      return;
    }
    this.#connections.add(stream);
    stream.once('close', () => {
      this.#connections.delete(stream);
      this.#budget.leave();
    });
    if (via === 'proxy') this.#attend(stream, caller, () => this.#listen(stream));
    else this.#attend(stream, caller, () => this.#lead({ host: canonicalName(host), port }, stream, caller), { host, port });
  }

  request(call: EgressCall): Promise<EgressAnswer> {
    return ownRequest({ accept: (connection) => this.accept(connection), certificate: this.certificate }, call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort(UNWRITABLE);
    for (const stream of this.#connections) stream.destroy();
    await this.#upstreams.close();
    await this.#credentials[Symbol.asyncDispose]();
    // How it ended is in the journal before we are gone, and what it leaves to others is on the disk.
    const ended = Promise.allSettled(this.#work).then(() => this.#options.cache?.settled());
    await Promise.race([ended, setTimeout(LINGER_MS, undefined, { ref: false })]);
    await this.#chronicle.written();
  }

  /** On the proxy port: HTTP or SOCKS5, by the first byte. */
  async #listen(stream: Duplex): Promise<void> {
    if ((await this.#inTime(stream, peekByte(stream))) !== SOCKS5_VERSION) {
      this.#serve(stream, undefined);
      return;
    }
    const destination = await this.#inTime(stream, readSocks(stream));
    this.#attend(stream, SOCKS, () => this.#lead(destination, stream, SOCKS), destination);
  }

  /** It is HTTP from its next byte on; without an origin it is spoken to the proxy. */
  #serve(stream: Duplex, origin: Origin | undefined): void {
    void new ProgramConnection(stream, { listener: this.#programs, origin, headMs: this.#options.deadlines.headMs });
  }

  /** The program has said where to. */
  async #lead(destination: Destination, stream: Duplex, caller: Caller): Promise<void> {
    refuseCanary(this.#options.canaries, destination.host);
    const passage = this.#clearance.passage(destination);
    if (passage === 'tunnel') {
      await this.#tunnel(destination, stream, caller);
      return;
    }
    // Where no request could be allowed, that is decided before anything is shown of what is to be sent.
    const refused = passage === 'nothing' && caller.via === 'proxy' ? await this.#foreseen(destination) : undefined;
    // A program shows what a server answers, and nothing of what a proxy says to CONNECT: where it is about to speak TLS, it is told inside.
    if (refused !== undefined && !(caller === PROXIED && destination.port === HTTPS_PORT)) throw refused;
    caller.granted(stream);
    // From here on it speaks to the other side, as it believes.
    const inside: Caller = { ...NAMED, via: caller.via };
    this.#attend(stream, inside, () => this.#inspect({ ...destination, via: caller.via, ...(refused === undefined ? {} : { refused }) }, stream), destination);
  }

  /** The refusal of whatever could be asked for there. */
  async #foreseen(destination: Destination): Promise<EgressRefusal | undefined> {
    this.#budget.request();
    try {
      await this.#clearance.permit([{ action: 'network.connect', scheme: 'https', ...destination }], this.#over.signal);
      return undefined;
    } catch (error) {
      if (error instanceof EgressRefusal) return error;
      throw error;
    }
  }

  async #inspect(leading: Omit<Origin, 'scheme'>, stream: Duplex): Promise<void> {
    if ((await this.#inTime(stream, peekByte(stream))) === TLS_HANDSHAKE) await this.#decrypt({ ...leading, scheme: 'https' }, stream);
    else this.#serve(stream, { ...leading, scheme: 'http' });
  }

  /** The program believes that we are whom it dialled; each of its requests is then decided. */
  async #decrypt(origin: Origin, stream: Duplex): Promise<void> {
    this.#budget.handshake();
    const secureContext = await this.#options.authority.contextFor(origin.host);
    const encrypted = new TLSSocket(stream, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] });
    // Torn down from the top: a socket that goes away under the one that encrypts it takes Node down with it.
    this.#connections.delete(stream);
    this.#connections.add(encrypted);
    encrypted.once('close', () => {
      this.#connections.delete(encrypted);
      if (!stream.destroyed) this.#connections.add(stream);
      linger(stream);
    });
    await this.#inTime(encrypted, handshake(encrypted, stream));
    const named = typeof encrypted.servername === 'string' && encrypted.servername !== '' ? encrypted.servername : origin.host;
    if (named.toLowerCase() === origin.host) {
      this.#serve(encrypted, origin);
      return;
    }
    const refusal = new EgressRefusal('hosts_disagree', `the connection leads to ${origin.host}, and the certificate that was asked for is of ${JSON.stringify(named)}`);
    this.#chronicle.refused(origin.via, origin, refusal);
    answerRaw(encrypted, refusal.status, refusal.message);
  }

  /** Bytes that nobody looks at. */
  async #tunnel(destination: Destination, stream: Duplex, caller: Caller): Promise<void> {
    const { clock, deadlines } = this.#options;
    const beganMs = clock.now();
    const asked = { scheme: 'tcp', ...destination } as const;
    this.#budget.request();
    const place = await this.#clearance.clear({ action: 'network.connect', ...asked }, [], this.#over.signal);
    try {
      const upstream = await place.connect(false);
      caller.granted(stream);
      const address = place.address === undefined ? {} : { address: place.address };
      const went = await splice(stream, upstream, { budget: this.#budget, idleMs: deadlines.idleMs, guard: this.#guard(caller.via, destination) });
      this.#chronicle.ended({ ...asked, ...address, ...went, wallMs: clock.now() - beganMs });
    } catch (error) {
      if (error instanceof UpstreamFailure) this.#chronicle.ended({ ...asked, sentBytes: 0, receivedBytes: 0, failure: error.code, wallMs: clock.now() - beganMs });
      throw error;
    }
  }

  #guard(via: 'name' | 'proxy', destination: Destination): Transform | undefined {
    const { canaries } = this.#options;
    return canaries.areThere ? guardOf(canaries, (refusal) => this.#chronicle.refused(via, destination, refusal)) : undefined;
  }

  /** Does something with a connection; where that fails, the program is told in the way that it understands, and the journal. */
  #attend(stream: Duplex, caller: Caller, act: () => Promise<void>, destination?: Destination): void {
    const attended = async (): Promise<void> => {
      try {
        await act();
      } catch (error) {
        if (error instanceof EgressRefusal) {
          this.#chronicle.refused(caller.via, destination, error);
          caller.refused(stream, error.status, error.message);
        } else if (error instanceof UpstreamFailure) {
          caller.refused(stream, error.status, error.message);
        } else {
          caller.refused(stream, UNWRITABLE.status, UNWRITABLE.message);
          this.#stop();
        }
        linger(stream);
      }
    };
    this.#follow(attended());
  }

  #follow(work: Promise<void>): void {
    const followed = work.finally(() => this.#work.delete(followed));
    this.#work.add(followed);
  }

  async #inTime<T>(stream: Duplex, what: Promise<T>): Promise<T> {
    const head = new Deadline(() => stream.destroy());
    head.start(this.#options.deadlines.headMs);
    try {
      return await what;
    } finally {
      head.stop();
    }
  }

  /** Nothing more goes out; those who are being told so have the time to hear it. */
  #stop(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort(UNWRITABLE);
    void setTimeout(STOP_MS, undefined, { ref: false }).then(() => this.#connections.forEach((stream) => stream.destroy()));
  }
}

/** Errors: `EgressRefusal` with `handshake_failed`. */
function handshake(encrypted: TLSSocket, stream: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error?: NodeJS.ErrnoException): void =>
      reject(new EgressRefusal('handshake_failed', `the program broke the TLS handshake off${error?.code === undefined ? '' : ` (${error.code})`}: does it trust the certificate of this session?`));
    // Nobody reads yet, and an end shows only to who does; one that came with the first bytes shows below.
    const look = (): void => void encrypted.read(0);
    stream.once('end', failed);
    encrypted.on('error', failed).once('close', failed).once('end', failed).on('readable', look);
    encrypted.once('secure', () => {
      encrypted.off('close', failed).off('end', failed).off('readable', look);
      stream.off('end', failed);
      resolve();
    });
  });
}
