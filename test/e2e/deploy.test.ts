import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { ensureServiceImage } from '../../scripts/prepare/service-image.ts';
import { Engine } from '../../src/sandbox/docker/index.ts';
import { findEngine } from '../../src/sandbox/images/index.ts';
import { Caller } from '../support/server.ts';

const ROOT = join(import.meta.dirname, '../..');
const HOST_ENGINE = ['-f', 'docker-compose.yml', '-f', 'deploy/host-engine.yml'];

interface ComposeFile {
  readonly services: Readonly<Record<string, { readonly privileged?: boolean; readonly volumes?: readonly unknown[]; readonly ports?: readonly unknown[]; readonly profiles?: readonly string[] }>>;
}

/** The files of the checkout, with secrets of their own, and the compose tool that is here. */
function deployment(env: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-deploy-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const part of ['docker-compose.yml', 'deploy']) cpSync(join(ROOT, part), join(folder, part), { recursive: true, filter: (path) => !path.endsWith('/secrets') });
  const run = async (program: string, args: readonly string[]): Promise<string> => (await promisify(execFile)(program, args, { cwd: folder, env: { ...process.env, COMPOSE_PROJECT_NAME: folder.slice(folder.lastIndexOf('/') + 1).toLowerCase(), ...env }, timeout: 240_000, maxBuffer: 2 ** 24 })).stdout;
  return { secrets: () => run(join(folder, 'deploy/make-secrets.sh'), []), compose: (...args: readonly string[]) => run('docker-compose', args) };
}

async function configured(compose: (...args: readonly string[]) => Promise<string>, ...args: readonly string[]): Promise<ComposeFile> {
  const { parse } = await import('yaml');
  return parse(await compose(...args, 'config')) as ComposeFile; // as the compose tool prints it
}

test('the compose file is one to a real tool: one container is privileged, none has the socket of the host unless it is asked for, and nothing listens beyond this machine', async () => {
  const { secrets, compose } = deployment({ DOCKER_GID: '42' });
  await secrets();
  const own = await configured(compose, '--profile', 'watch');
  expect(Object.keys(own.services).toSorted()).toEqual(['collector', 'engine', 'grafana', 'images', 'postgres', 'prometheus', 'service', 'worker']);
  expect(Object.entries(own.services).filter(([, { privileged }]) => privileged === true).map(([name]) => name)).toEqual(['engine']);
  expect(JSON.stringify(own)).not.toContain('docker.sock:');
  const ports = Object.values(own.services).flatMap((service) => service.ports ?? []);
  expect(ports.map((port) => JSON.stringify(port)).filter((port) => !port.includes('127.0.0.1'))).toEqual([]);
  const hosts = await configured(compose, ...HOST_ENGINE);
  expect(JSON.stringify(hosts.services['service']?.volumes)).toContain('/var/run/docker.sock');
  expect(hosts.services['engine']?.profiles).toEqual(['nested']);
});

test('it comes up: PostgreSQL, a worker, and a service that runs a command in a container of this engine', async () => {
  const docker = await new Engine(() => findEngine()).client();
  const image = await ensureServiceImage(docker);
  const { secrets, compose } = deployment({ GLOVEBOX_IMAGE: image, GLOVEBOX_PORT: '127.0.0.1:', DOCKER_GID: String(statSync('/var/run/docker.sock').gid) });
  await secrets();
  onTestFinished(async () => void (await compose(...HOST_ENGINE, 'down', '--volumes', '--timeout', '5')));
  await compose(...HOST_ENGINE, 'up', '-d', '--build', 'postgres', 'service', 'worker');
  const inService = (...command: readonly string[]): Promise<string> => compose(...HOST_ENGINE, 'exec', '-T', 'service', ...command);
  const key = (await inService('glovebox', 'keys', 'create', 'test', '--role', 'administrator')).trim();
  const url = `http://${(await compose(...HOST_ENGINE, 'port', 'service', '7717')).trim()}`;
  await expect.poll(() => fetch(`${url}/readyz`).then((response) => response.json(), () => 'nobody'), { timeout: 60_000 }).toMatchObject({ status: 'ready', kinds: ['container'] });
  const ann = new Caller(url, key);
  const sandbox = await ann.sandbox({ kind: 'container' });
  expect(await ann.command(sandbox, ['sh', '-c', 'exit 7'])).toMatchObject({ status: 'ended', end: { cause: 'exited', exitCode: 7 } });
  expect((await ann.call('DELETE', `/v1/sandboxes/${sandbox}`)).status).toBe(204);
  const workers = await inService('node', '-e', "fetch('http://worker:9464/metrics').then((answer) => answer.text()).then(console.log)");
  expect(workers).toContain('glovebox_queue_runs 0');
  // The database has it, and not a file of the service.
  expect(await inService('sh', '-c', 'ls /var/lib/glovebox')).not.toContain('journal.db');
});
