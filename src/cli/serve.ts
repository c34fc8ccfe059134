import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { GloveboxError } from '../contracts/index.ts';
import type { ServerOptions } from '../server/index.ts';
import { countOption, sizeOption, stepOption } from './options.ts';
import { keepHouse } from './retention.ts';
import type { Run } from './run-action.ts';
import type { Services } from './services.ts';
import { keepStanding, type Standing, standingOption } from './standing.ts';
import { telemetryAt, watchOptions, type WatchOptions } from './telemetry-options.ts';
import type { Terminal } from './terminal.ts';
import { GRACE_MS, PARK_AFTER_MS } from './worker.ts';

interface ServeCommandOptions extends WatchOptions {
  readonly host: string;
  readonly port: number;
  readonly tlsKey?: string;
  readonly tlsCert?: string;
  readonly plainText?: boolean;
  readonly origin?: readonly string[];
  readonly rate?: number;
  readonly sandboxes?: number;
  readonly workers: number;
  readonly json?: boolean;
  readonly oidcIssuer?: string;
  readonly oidcAudience?: string;
  readonly oidcJwks?: string;
  readonly oidcTenantClaim: string;
  readonly oidcRolesClaim: string;
  readonly warm: number;
  readonly ready?: Standing;
  readonly memory?: number;
}

/** `glovebox serve`. */
export function addServe(root: Command, run: Run, terminal: Terminal): void {
  watchOptions(root.command('serve'))
    .description('sandboxes, runs and approvals over HTTP, until it is told to stop')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <n>', '0: any that is free', stepOption, 7717)
    .option('--tls-key <file>', 'PEM; needed to listen anywhere but on this machine')
    .option('--tls-cert <file>', 'PEM')
    .option('--plain-text', 'listen elsewhere without TLS: something in front of it has that')
    .option('--origin <url...>', 'web pages of these origins may ask')
    .option('--oidc-issuer <url>', 'tokens of this identity provider are believed beside API keys')
    .option('--oidc-audience <name>', 'whom its tokens are for')
    .option('--oidc-jwks <url>', 'where its public keys are')
    .option('--oidc-tenant-claim <name>', 'what of a token is the tenant; a dot leads into an object', 'tenant')
    .option('--oidc-roles-claim <name>', 'what of it are the roles: a list, or words', 'roles')
    .option('--workers <n>', 'runs of the queue that it works at itself, at a time; 0 leaves them to `glovebox worker`', stepOption, 2)
    .option('--sandboxes <n>', 'sandboxes that a tenant may have open here', countOption)
    .option('--warm <n>', 'most sandboxes that stand ready for the next who asks, by the demand of late; 0: each is made when it is asked for', stepOption, 0)
    .option('--ready <policy=n>', 'so many stand ready under this policy at least, from the start; once for each policy', standingOption)
    .option('--memory <size>', 'what the memory limits of all sandboxes here may be together (default: four fifths of this machine’s)', sizeOption)
    .option('--rate <n>', 'requests that a key may make in a minute', countOption)
    .option('--json', 'where it listens, and its first key, as a line of JSON on stdout')
    .action((options: ServeCommandOptions) => run((services, signal) => serve(services, terminal, options, signal)));
}

async function serve(services: Services, terminal: Terminal, options: ServeCommandOptions, signal: AbortSignal): Promise<number> {
  services.require('administer');
  const { host, port, plainText, origin, rate, sandboxes, warm, memory, ready = new Map<string, number>() } = options;
  for (const name of ready.keys()) await services.policies.load(name);
  const floors = [...ready.values()].reduce((sum, floor) => sum + floor, 0);
  const tls = await readTls(options);
  const issuer = readIssuer(options);
  await using telemetry = await services.telemetry(telemetryAt(terminal, options));
  const { log, requests, metrics, degradations } = telemetry;
  await using _notifier = await services.notifier();
  await using server = await services.serve({
    host,
    port,
    tls,
    issuer,
    stock: { ceiling: Math.max(warm, floors), ...(memory === undefined ? {} : { memoryBytes: memory }) },
    requests,
    metrics,
    degradations: () => degradations.now(),
    ...(plainText === undefined ? {} : { plainText }),
    ...(origin === undefined ? {} : { origins: origin }),
    ...(sandboxes === undefined ? {} : { sandboxesPerTenant: sandboxes }),
    ...(rate === undefined ? {} : { requestsPerMinute: rate }),
    onNote: (text) => log.write('info', text),
    onFault: ({ method, path, error }) => log.write('error', 'an error of our own', { method, route: path, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  });
  if (options.json === true) await terminal.json({ url: server.url, ...(server.firstKey === undefined ? {} : { firstKey: server.firstKey }) });
  else if (server.firstKey !== undefined) {
    terminal.note('the first key, an administrator’s; it is shown this once:', 'yellow');
    await terminal.data(`${server.firstKey}\n`);
  }
  log.write('info', `listening at ${server.url} (${server.url}/docs)`);
  const work = options.workers === 0 ? undefined : services.worker({ name: `serve:${hostname()}:${process.pid}`, concurrency: options.workers, parkAfterMs: PARK_AFTER_MS, graceMs: GRACE_MS, onNote: (text) => log.write('info', text) }).run(signal);
  const housekeeping = Promise.all([keepHouse(services, log, signal), keepStanding(services, ready, log, signal)]);
  if (!signal.aborted) await once(signal, 'abort');
  log.write('info', 'nothing more is begun; what was asked for is answered …');
  await Promise.all([work, housekeeping, server.drain(GRACE_MS)]);
  log.write('info', 'ending what clients have open …');
  return 0;
}

/** Errors: `usage`. */
function readIssuer({ oidcIssuer: issuer, oidcAudience: audience, oidcJwks: jwks, oidcTenantClaim: tenantClaim, oidcRolesClaim: rolesClaim }: ServeCommandOptions): ServerOptions['issuer'] {
  if (issuer === undefined && audience === undefined && jwks === undefined) return undefined;
  if (issuer === undefined || audience === undefined || jwks === undefined) throw new GloveboxError('usage', '--oidc-issuer, --oidc-audience and --oidc-jwks belong together');
  if (!URL.canParse(jwks)) throw new GloveboxError('usage', `--oidc-jwks: expected a URL, found ${jwks}`);
  return { issuer, audience, jwks: new URL(jwks), tenantClaim, rolesClaim };
}

async function readTls({ tlsKey, tlsCert }: ServeCommandOptions): Promise<{ key: Buffer; cert: Buffer } | undefined> {
  if (tlsKey === undefined && tlsCert === undefined) return undefined;
  if (tlsKey === undefined || tlsCert === undefined) throw new GloveboxError('usage', '--tls-key and --tls-cert belong together');
  const read = (file: string): Promise<Buffer> =>
    readFile(file).catch((cause: unknown) => {
      throw new GloveboxError('config_invalid', `${file} cannot be read`, { cause });
    });
  return { key: await read(tlsKey), cert: await read(tlsCert) };
}
