// The certificate library takes its parts from a container that needs this, before it is loaded.
import 'reflect-metadata';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

export interface Squid {
  /** As it says itself. */
  readonly name: string;
  readonly port: number;
  /** Where it looks into TLS as we do, and whom its certificates are of: Debian's `squid-openssl` can, its `squid` cannot. */
  readonly inspecting?: { readonly port: number; readonly authority: string };
}

const KEY = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** squid, where the machine has one: with the same rules as ours, and with the log that it writes unless it is told not to; without a cache. `trusted`: a file with the authority of the other side. */
export async function openSquid(folder: string, upstreams: readonly number[], trusted: string): Promise<(Squid & { readonly child: ChildProcess }) | undefined> {
  const found = spawnSync('squid', ['-v'], { encoding: 'utf8' });
  if (found.error !== undefined) return undefined;
  // It gives up what it may do as root, and writes its log as somebody else.
  const place = join(folder, 'squid');
  await mkdir(place);
  await Promise.all([folder, place].map((one) => chmod(one, 0o777)));
  const port = await freePort();
  const inspecting = found.stdout.includes('--with-openssl') ? { port: await freePort(), authority: await ownCertificate(join(place, 'own.pem')) } : undefined;
  const settings = [
    `http_port 127.0.0.1:${port}`,
    ...(inspecting === undefined ? [] : [`http_port 127.0.0.1:${inspecting.port} ssl-bump generate-host-certificates=off tls-cert=${place}/own.pem`, 'ssl_bump bump all', `tls_outgoing_options cafile=${trusted}`]),
    ...rules(upstreams),
    'cache deny all', `access_log daemon:${place}/access.log squid`, `cache_log ${place}/squid.log`, `pid_filename ${place}/squid.pid`, `hosts_file ${place}/hosts`,
    'shutdown_lifetime 0 seconds', 'via off', 'forwarded_for delete', 'pinger_enable off',
  ];
  await writeFile(join(place, 'hosts'), '127.0.0.1 up.test\n');
  await writeFile(join(place, 'squid.conf'), `${settings.join('\n')}\n`);
  const child = spawn('squid', ['-N', '-f', join(place, 'squid.conf')], { stdio: 'ignore' });
  try {
    await answers(port);
  } catch (error) {
    child.kill();
    throw error;
  }
  return { name: found.stdout.split('\n', 1)[0] ?? 'squid', port, child, ...(inspecting === undefined ? {} : { inspecting }) };
}

/** What our policy says, in its words: where to, with what, and for which paths. */
function rules(ports: readonly number[]): string[] {
  return ['acl to dstdomain up.test', `acl at port ${ports.join(' ')}`, 'acl with method GET', 'acl for urlpath_regex ^/[^/]*$', 'acl tunnel method CONNECT', 'http_access allow tunnel to at', 'http_access allow to at with for', 'http_access deny all'];
}

/** Of `up.test`, with its key, into a file; gives the certificate. */
async function ownCertificate(file: string): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({ name: 'CN=up.test', signingAlgorithm: KEY, keys, extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'up.test' }], false)] });
  const certificate = `${made.toString('pem')}\n`;
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  await writeFile(file, `${certificate}-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`, { mode: 0o644 });
  return certificate;
}

async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const socket = connect(port, '127.0.0.1');
    if (await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'close').then(() => false)]).catch(() => false)) {
      socket.destroy();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('squid did not start within 10 s');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
