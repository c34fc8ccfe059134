import { connect as connectSocket, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { BrokenCircuitError, circuitBreaker, type CircuitBreakerPolicy, ConsecutiveBreaker, handleAll } from 'cockatiel';
import { LRUCache } from 'lru-cache';
import { steadyRest } from '../../contracts/index.ts';
import { classifyAddress, isDocumentation } from './addresses.ts';
import type { EgressDeadlines } from './deadline.ts';
import type { Destination } from './names.ts';
import { EgressRefusal, UpstreamFailure } from './refusal.ts';
import type { UpstreamConnection } from './upstream-connection.ts';
import { UpstreamConnections } from './upstream-connections.ts';

/** A name's addresses, in the order in which they are to be tried. Errors: whatever a resolver throws. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** So long a name means what it meant; a name that changes meanwhile changes nothing. */
const PINNED_MS = 60_000;
const PLACES = 256;
/** So many failures in a row, and a place is left alone for so long. */
const FAILURES = 5;
const REST_MS = 10_000;

export interface UpstreamOptions {
  readonly resolve: Resolve;
  readonly deadlines: EgressDeadlines;
  /** PEM of who is trusted, beside those that this machine trusts, at a destination that the operator's own configuration names; undefined at any other. */
  readonly ownAt: (destination: Destination) => readonly string[] | undefined;
}

interface Pinned {
  readonly locating: Promise<Place>;
  /** Once it was found. */
  place?: Place;
}

/** Where destinations really are: resolved once, looked at address by address, and dialled there. */
export class Upstreams {
  readonly #options: UpstreamOptions;
  readonly #places: LRUCache<string, Pinned>;
  /** They outlive the addresses of a place. */
  readonly #breakers = new LRUCache<string, CircuitBreakerPolicy>({ max: PLACES });
  /** Those that are pinned no more among them: what is under way there goes on, and so does what was cleared to go there. */
  readonly #open = new Set<Place>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
    // Each request looks here: with a resolution, each would set a timer.
    this.#places = new LRUCache({ max: PLACES, ttl: PINNED_MS, ttlResolution: 0 });
  }

  /** Where an earlier request found it to be, as long as that holds. */
  known({ host, port }: Destination): Place | undefined {
    return this.#places.get(`${host}:${port}`)?.place;
  }

  /** Only after the request was allowed: the question to the resolver says the name to whoever answers. Errors: `EgressRefusal`, `UpstreamFailure`. */
  at(destination: Destination): Promise<Place> {
    const key = `${destination.host}:${destination.port}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known.locating;
    const pinned: Pinned = { locating: this.#locate(destination, key) };
    this.#places.set(key, pinned);
    pinned.locating.then(
      (place) => (pinned.place = place),
      () => this.#places.peek(key) === pinned && this.#places.delete(key),
    );
    return pinned.locating;
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const located = await Promise.allSettled([...this.#places.values()].map(({ locating }) => locating));
    this.#places.clear();
    for (const place of located) if (place.status === 'fulfilled') this.#open.add(place.value);
    for (const place of this.#open) place.destroy();
  }

  async #locate(destination: Destination, key: string): Promise<Place> {
    let addresses: readonly string[];
    try {
      addresses = await this.#options.resolve(destination.host);
    } catch (error) {
      throw new UpstreamFailure('name_not_found', destination.host, error);
    }
    if (addresses.length === 0) throw new UpstreamFailure('name_not_found', destination.host);
    const authorities = this.#options.ownAt(destination);
    const classes = addresses.map((address) => (authorities !== undefined && isDocumentation(address) ? 'private' : classifyAddress(address)));
    if (classes.includes('forbidden')) throw new EgressRefusal('address_forbidden', `${destination.host} leads to an address where nothing may go`);
    for (const other of this.#open) if (other.isIdle) this.#open.delete(other);
    const place = new Place(destination, { addresses, isPrivate: classes.includes('private'), authorities: authorities ?? [] }, this.#breaker(key), this.#options.deadlines);
    this.#open.add(place);
    return place;
  }

  #breaker(key: string): CircuitBreakerPolicy {
    const breaker = this.#breakers.get(key) ?? circuitBreaker(handleAll, { halfOpenAfter: steadyRest(REST_MS), breaker: new ConsecutiveBreaker(FAILURES) });
    this.#breakers.set(key, breaker);
    return breaker;
  }
}

/** What is known of a destination once it was resolved. */
interface Located {
  readonly addresses: readonly string[];
  readonly isPrivate: boolean;
  readonly authorities: readonly string[];
}

/** A destination with the addresses that were looked at. Nothing else is dialled for it. */
export class Place {
  readonly host: string;
  readonly port: number;
  /** One of the addresses is of this machine or of a network that is not public. */
  readonly isPrivate: boolean;
  readonly #addresses: readonly string[];
  readonly #authorities: readonly string[];
  readonly #breaker: CircuitBreakerPolicy;
  readonly #deadlines: EgressDeadlines;
  readonly #connections: Readonly<Record<'http' | 'https', UpstreamConnections>>;
  readonly #dialling = new Set<Socket>();
  #dialled: string | undefined;
  #trusted: SecureContext | undefined;

  constructor({ host, port }: Destination, { addresses, isPrivate, authorities }: Located, breaker: CircuitBreakerPolicy, deadlines: EgressDeadlines) {
    this.host = host;
    this.port = port;
    this.isPrivate = isPrivate;
    this.#addresses = addresses;
    this.#authorities = authorities;
    this.#breaker = breaker;
    this.#deadlines = deadlines;
    const kept = (secure: boolean): UpstreamConnections => new UpstreamConnections({ host, deadlines, dial: () => this.connect(secure) });
    this.#connections = { http: kept(false), https: kept(true) };
  }

  /** That was connected to last. */
  get address(): string | undefined {
    return this.#dialled;
  }

  /** Nothing is connected, and nothing waits for it. */
  get isIdle(): boolean {
    return this.#dialling.size === 0 && this.#connections.http.isEmpty && this.#connections.https.isEmpty;
  }

  /** One that is free, or a new one. Errors: `UpstreamFailure`. */
  connection(scheme: 'http' | 'https'): UpstreamConnection | Promise<UpstreamConnection> {
    return this.#connections[scheme].take();
  }

  /** Errors: `UpstreamFailure`. */
  async connect(secure: boolean): Promise<Socket> {
    try {
      return await this.#breaker.execute(() => this.#dial(secure));
    } catch (error) {
      throw error instanceof BrokenCircuitError ? new UpstreamFailure('circuit_open', this.host, error) : error;
    }
  }

  destroy(): void {
    for (const socket of this.#dialling) socket.destroy();
    for (const one of Object.values(this.#connections)) one.destroy();
  }

  async #dial(secure: boolean): Promise<Socket> {
    const families = this.#addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    const [first] = families;
    const lookup: LookupFunction = (_host, options, done) => (options.all === true ? done(null, families) : done(null, first?.address ?? '', first?.family));
    const socket = connectSocket({ host: this.host, port: this.port, lookup, autoSelectFamily: true, noDelay: true, keepAlive: true, allowHalfOpen: true });
    this.#dialling.add(socket);
    try {
      await this.#until(socket, 'connect');
      const address = socket.remoteAddress;
      if (address === undefined || !this.#addresses.includes(address)) throw new UpstreamFailure('connect_failed', this.host);
      this.#dialled = address;
      if (!secure) return socket;
      const encrypted = connectTls({ ...this.#trusting(), socket, servername: this.host, ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.2', rejectUnauthorized: true });
      await this.#until(encrypted, 'secureConnect');
      return encrypted;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      this.#dialling.delete(socket);
    }
  }

  /** Made once: it has to read all that this machine trusts. */
  #trusting(): { readonly secureContext?: SecureContext } {
    if (this.#authorities.length === 0) return {};
    this.#trusted ??= createSecureContext({ ca: [...getCACertificates('default'), ...this.#authorities], minVersion: 'TLSv1.2' });
    return { secureContext: this.#trusted };
  }

  #until(socket: Socket & { readonly authorizationError?: Error | string | null }, event: 'connect' | 'secureConnect'): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => socket.destroy(new UpstreamFailure('connect_timeout', this.host)), this.#deadlines.connectMs);
      const failed = (error?: Error): void => {
        clearTimeout(late);
        const untrusted = socket.authorizationError !== undefined && socket.authorizationError !== null;
        reject(error instanceof UpstreamFailure ? error : new UpstreamFailure(untrusted ? 'certificate_invalid' : 'connect_failed', this.host, error));
      };
      socket.once('error', failed).once('close', () => failed());
      socket.once(event, () => {
        clearTimeout(late);
        socket.off('error', failed);
        // Whoever uses it hears of its end by reading and writing; an error between two uses is nobody's.
        socket.on('error', () => {});
        resolve();
      });
    });
  }
}
