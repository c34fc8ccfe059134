import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, request as httpRequest, type IncomingMessage, type RequestListener, type RequestOptions, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as connectTls, type ConnectionOptions, getCACertificates, type SecureContext, setDefaultCACertificates, type TLSSocket } from 'node:tls';
import { Credentials, CredentialSources, EgressBroker, KnownSecrets, LentRecords, MasterKeys, OperatorFiles, OperatorRegistries, RegistryCaches, SecretStore } from '../../src/broker/index.ts';
import { SessionAuthority } from '../../src/broker/certificates/session-authority.ts';
import type { EgressDeadlines } from '../../src/broker/egress/deadline.ts';
import { type Clock, type Egress, type EgressGate, type EgressRequest, type EventData, type NewEvent, type Policy, PROXY_PORT, systemClock } from '../../src/contracts/index.ts';
import { FilePolicies } from '../../src/policy/index.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly trailers: IncomingMessage['trailers'];
  readonly body: string;
}

/** What of a request is other than usual. */
interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Longer than anything here takes on a machine that does other things, too. */
const PATIENCE_MS = 20_000;

/** A way out under a real policy, with servers on this machine behind names that only it resolves, and with the program's side of connections in hand. */
export class EgressRig implements AsyncDisposable {
  /** Names and what they lead to; a list is what each question in turn is answered with, the last one for ever. */
  readonly names = new Map<string, readonly (readonly string[])[]>();
  /** What is lent, by its name in the policy. */
  readonly secrets = new Map<string, string>();
  readonly known = new KnownSecrets();
  /** The environment that the operator's clients have; nothing else of them is there. */
  readonly operator: Record<string, string> = {};
  readonly questions: string[] = [];
  readonly events: NewEvent[] = [];
  /** Set, and nothing can be written down any more. */
  unwritable = false;
  /** Nothing can be written durably. */
  neverDurable = false;
  /** What was written durably. */
  readonly durable: string[] = [];
  egress!: Egress;
  proxyPort = 0;
  /** How a program dials that is in a real sandbox; without, its connections are made of nothing. */
  program: ((host: string, port: number) => Duplex) | undefined;
  /** PEM of whom it trusts, where that is not the session. */
  trusts: string | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), 'glovebox-egress-'));
  readonly #servers: (NetServer | Server)[] = [];
  readonly #sockets = new Set<Duplex>();

  /** `policy` is a policy's text without its name; servers that it is to name by their ports are there already. */
  async open(policy: string, options: { deadlines?: Partial<EgressDeadlines>; clock?: Clock; tenant?: string; cacheFolder?: string } = {}): Promise<this> {
    const loaded = await this.#policy(policy);
    if (loaded.grant.network === undefined) throw new Error('this policy opens no network');
    const clock = options.clock ?? systemClock;
    const broker = this.broker({ ...options, clock });
    const { network, credentials, canaries } = loaded.grant;
    this.egress = await broker.open({ gate: this.#gate(loaded), network, credentials, canaries, borrower: { tenant: options.tenant ?? 'acme', stream: 'run_1' }, signal: AbortSignal.timeout(PATIENCE_MS) });
    this.proxyPort = await this.listen(createServer({ allowHalfOpen: true }, (stream) => this.egress.accept({ via: 'proxy', port: 3128, stream })));
    return this;
  }

  /** What opens it, for whoever opens it himself. */
  broker({ clock = systemClock, deadlines = {}, cacheFolder }: { clock?: Clock; deadlines?: Partial<EgressDeadlines>; cacheFolder?: string } = {}): EgressBroker {
    const home = join(this.#folder, 'home');
    const registries = new OperatorRegistries({ files: new OperatorFiles({ env: this.operator, home, root: home }), file: join(home, 'registries.yaml') });
    return new EgressBroker({ clock, registries, credentials: this.#lender(clock), known: this.known, resolve: (host) => this.egressResolve(host), deadlines, ...(cacheFolder === undefined ? {} : { caches: new RegistryCaches(cacheFolder) }) });
  }

  /** Open to one server, `up.test`, that is on this machine. */
  openTo(port: number, more = '', options: { deadlines?: Partial<EgressDeadlines>; clock?: Clock } = {}): Promise<this> {
    this.names.set('up.test', [['127.0.0.1']]);
    return this.open(`network:\n  - { host: up.test, port: ${port}, private: true }\n${more}`, options);
  }

  /** A server of HTTP on this machine. Gives its port. */
  http(listener: RequestListener): Promise<number> {
    return this.listen(createHttp(listener));
  }

  /** A server of HTTPS, with a certificate that everybody trusts, for whatever name it is asked for. */
  https(listener: RequestListener, authority: SessionAuthority = trusted, name?: string): Promise<number> {
    return this.listen(createHttps({ SNICallback: certificatesOf(authority, name), ALPNProtocols: ['http/1.1'] }, listener));
  }

  /** A server that says what it is told to, to the letter. */
  raw(connection: (socket: Socket) => void): Promise<number> {
    return this.listen(createServer({ allowHalfOpen: true }, connection));
  }

  async listen(server: NetServer | Server): Promise<number> {
    this.#servers.push(server);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  /** What a program has in hand that dialled the proxy. */
  dialProxy(): Duplex {
    return this.#mine(this.program?.('127.0.0.1', PROXY_PORT) ?? connect({ port: this.proxyPort, host: '127.0.0.1', allowHalfOpen: true }));
  }

  /** What a program has in hand that dialled a name. */
  dialName(host: string, port: number): Duplex {
    if (this.program !== undefined) return this.#mine(this.program(host, port));
    const [program, stream] = duplexPair();
    // As a wire does it: one side that is torn down tears down the other.
    stream.once('close', () => {
      if (!stream.writableFinished) program.destroy(new Error('reset'));
    });
    program.once('close', () => {
      if (!program.writableFinished) stream.destroy(new Error('reset'));
    });
    this.egress.accept({ via: 'name', host, port, stream });
    return this.#mine(program);
  }

  /** A tunnel through CONNECT; errors where that is refused, with what was answered. */
  async connectTo(authority: string): Promise<Duplex> {
    const stream = this.dialProxy();
    stream.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
    const head = await headOf(stream);
    if (head.startsWith('HTTP/1.1 200 ')) return stream;
    throw new Error(head + (await within(text(stream), 'the body of a refusal')));
  }

  tls(stream: Duplex, servername: string | undefined, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connectTls({ socket: stream, ca: this.trusts ?? this.egress.certificate, ALPNProtocols: ['http/1.1'], ...(servername === undefined ? { servername: '' } : { servername }), ...options });
    this.#mine(socket);
    // It goes with what encrypts it.
    this.#sockets.delete(stream);
    return within(new Promise((resolve, reject) => socket.once('secureConnect', () => resolve(socket)).once('error', reject).once('close', () => reject(new Error('closed in the handshake')))), 'a TLS handshake');
  }

  /** A request through the proxy, in absolute form. */
  get(url: string, options: Asking = {}, body?: string | Buffer): Promise<Answer> {
    return ask({ createConnection: () => this.dialProxy(), path: url, ...options, headers: { host: new URL(url).host, ...options.headers } }, body);
  }

  /** A request by name, as programs make it that know nothing of a proxy. */
  async getByName(url: string, options: Asking = {}, body?: string | Buffer): Promise<Answer> {
    const { protocol, hostname, port, host, pathname, search } = new URL(url);
    const stream = this.dialName(hostname, Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port));
    const socket = protocol === 'https:' ? await this.tls(stream, hostname) : stream;
    return ask({ createConnection: () => socket, path: pathname + search, ...options, headers: { host, ...options.headers } }, body);
  }

  /** Sends bytes as they are, and gives what comes back until the other side ends. */
  async say(stream: Duplex, bytes: string): Promise<string> {
    stream.write(Buffer.from(bytes, 'latin1'));
    return within(text(stream), `an end after ${JSON.stringify(bytes.slice(0, 80))}`);
  }

  refusals(): EventData['egress.refused'][] {
    return this.events.flatMap((event) => (event.type === 'egress.refused' ? [event.data] : []));
  }

  decisions(): EventData['decision'][] {
    return this.events.flatMap((event) => (event.type === 'decision' ? [event.data] : []));
  }

  /** The end of the n-th request or tunnel that was allowed; they are written after the program has heard of it. */
  async ended(n = 0): Promise<EventData['egress.ended']> {
    return await until(() => this.events.flatMap((event) => (event.type === 'egress.ended' ? [event.data] : []))[n], `end ${n} in the journal`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It may not have opened.
    await (this.egress as Egress | undefined)?.[Symbol.asyncDispose]();
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    rmSync(this.#folder, { recursive: true });
  }

  #mine<T extends Duplex>(stream: T): T {
    this.#sockets.add(stream);
    stream.on('error', () => {});
    return stream;
  }

  /** Secrets are variables, by the names of their credentials in capitals. */
  #lender(clock: Clock): Credentials {
    const now = (): number => clock.now();
    const masterKeys = new MasterKeys({ env: {}, stateDir: this.#folder });
    const store = new SecretStore({ folder: join(this.#folder, 'secrets'), masterKeys, now });
    const file = join(this.#folder, 'credentials.yaml');
    writeFileSync(file, [...this.secrets.keys()].map((id) => `${id}: { provider: environment, variable: ${id.toUpperCase()} }\n`).join(''));
    const env = Object.fromEntries([...this.secrets].map(([id, value]) => [id.toUpperCase(), value]));
    return new Credentials({ sources: new CredentialSources({ file, store, env, now }), records: new LentRecords({ folder: join(this.#folder, 'lent'), masterKeys }), ownership: { name: 'us', isDead: () => false }, known: this.known, now });
  }

  async #policy(policy: string): Promise<Policy> {
    mkdirSync(join(this.#folder, 'p'));
    writeFileSync(join(this.#folder, 'p', 'policy.yaml'), `name: p\n${policy}`);
    return await new FilePolicies([this.#folder]).load('p');
  }

  /** As egress asks. */
  egressResolve(host: string): Promise<readonly string[]> {
    const asked = this.questions.filter((one) => one === host).length;
    this.questions.push(host);
    const answers = this.names.get(host);
    const answer = answers?.[Math.min(asked, answers.length - 1)];
    return answer === undefined ? Promise.reject(new Error(`${host} is nobody's name`)) : Promise.resolve(answer);
  }

  #gate(policy: Policy): EgressGate {
    const write = (event: NewEvent): void => {
      if (this.unwritable) throw new Error('the disk is full');
      this.events.push(event);
    };
    return {
      decide: async ([first, ...others]) => {
        const judge = (request: EgressRequest) => {
          const decision = policy.decide(request);
          const allowed = decision.effect === 'allow';
          write({ type: 'decision', data: { request, decision, allowed } });
          return { allowed, decision };
        };
        return others.reduce((last, request) => (last.allowed ? judge(request) : last), judge(first));
      },
      record: async (events, { durable = false } = {}) => {
        if (durable && this.neverDurable) throw new Error('the disk is full');
        if (durable) this.durable.push(...events.map(({ type }) => type));
        events.forEach(write);
      },
    };
  }
}

/** An authority that this process trusts from here on, as an operator's NODE_EXTRA_CA_CERTS would have it. */
export const trusted = await SessionAuthority.create(systemClock);
setDefaultCACertificates([...getCACertificates('default'), trusted.certificate]);

/** A certificate for whatever name is asked for, or always for one. */
export function certificatesOf(authority: SessionAuthority, name?: string) {
  return (asked: string, done: (error: Error | null, context?: SecureContext) => void): void => {
    void authority.contextFor(name ?? asked).then((context) => setImmediate(done, null, context));
  };
}

export function ask(options: RequestOptions, body?: string | Buffer): Promise<Answer> {
  const answered = new Promise<Answer>((resolve, reject) => {
    const request = httpRequest(options, (response) => {
      text(response).then(
        (read) => resolve({ status: response.statusCode ?? 0, headers: response.headers, rawHeaders: response.rawHeaders, trailers: response.trailers, body: read }),
        reject,
      );
    });
    request.on('error', reject).end(body);
  });
  return within(answered, `an answer to ${options.method ?? 'GET'} ${options.path ?? '/'}`);
}

/** Everything up to the empty line; what follows stays in the stream. */
export async function headOf(stream: Duplex): Promise<string> {
  let head = '';
  while (!head.endsWith('\r\n\r\n')) head += (await take(stream, 1)).toString('latin1');
  return head;
}

/** So many bytes; what follows stays in the stream. */
export async function take(stream: Duplex, count: number): Promise<Buffer> {
  let taken = Buffer.alloc(0);
  while (taken.length < count) {
    const bytes: Buffer | null = stream.read();
    if (bytes !== null) taken = Buffer.concat([taken, bytes]);
    else if (stream.readableEnded || stream.destroyed) throw new Error(`the connection ended after ${JSON.stringify(taken.toString('latin1'))}`);
    else await within(once(stream), `${count} bytes`);
  }
  if (taken.length > count) stream.unshift(taken.subarray(count));
  return taken.subarray(0, count);
}

function once(stream: Duplex): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const events = ['readable', 'end', 'close'] as const;
  for (const event of events) stream.on(event, resolve);
  return promise.finally(() => events.forEach((event) => stream.off(event, resolve)));
}

/** What does not come in time says what it was. */
export async function within<T>(what: Promise<T>, name: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${name} did not come within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  try {
    return await Promise.race([what, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Looks again and again, for what nobody tells of. */
export async function until<T>(look: () => T | undefined, name: string): Promise<T> {
  const endMs = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = look();
    if (seen !== undefined) return seen;
    if (Date.now() > endMs) throw new Error(`${name} did not come within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
