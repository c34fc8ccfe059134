import { statSync } from 'node:fs';
import type Docker from 'dockerode';
import { expect, vi } from 'vitest';
import { ensureServiceImage } from '../../scripts/prepare/service-image.ts';
import { Engine } from '../../src/sandbox/docker/index.ts';
import { Label } from '../../src/sandbox/docker/labels.ts';
import { findEngine } from '../../src/sandbox/images/index.ts';

const SOCKET = '/var/run/docker.sock';
const HOME = '/var/lib/glovebox';
const PORT = '7717/tcp';
const READY_MS = 60_000;
const SERVE = ['serve', '--host', '0.0.0.0', '--plain-text', '--workers', '0', '--log-format', 'json'];

/** `serve` in a container of the service's image, as our compose files run it: its state is a volume, and sandboxes are containers of this engine, beside it. */
export class KeptService implements AsyncDisposable {
  readonly #docker: Docker;
  readonly #image: string;
  readonly #volume: string;
  #container: Docker.Container;

  static async start(): Promise<KeptService> {
    const docker = await new Engine(() => findEngine()).client();
    const image = await ensureServiceImage(docker);
    const volume = (await docker.createVolume({})).name;
    const service = new KeptService(docker, image, volume, await make(docker, image, volume));
    try {
      await service.#begin();
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    }
    return service;
  }

  private constructor(docker: Docker, image: string, volume: string, container: Docker.Container) {
    this.#docker = docker;
    this.#image = image;
    this.#volume = volume;
    this.#container = container;
  }

  /** Where it listens: another port after each start. */
  async url(): Promise<string> {
    const { NetworkSettings } = await this.#container.inspect();
    return `http://127.0.0.1:${NetworkSettings.Ports[PORT]?.[0]?.HostPort}`;
  }

  /** By SIGKILL, and all processes in its container with it. */
  async kill(): Promise<void> {
    const ended = this.#container.wait();
    await this.#container.kill();
    await ended;
  }

  /** The same container again. */
  async startAgain(): Promise<void> {
    await this.#begin();
  }

  /** Another container on the same volume: with another id, and so with another name as a host. */
  async startAnew(): Promise<void> {
    await this.#container.remove({ force: true });
    this.#container = await make(this.#docker, this.#image, this.#volume);
    await this.#begin();
  }

  /** What its containers have said, of the one that is there. */
  async said(): Promise<string> {
    return (await this.#container.logs({ stdout: true, stderr: true, follow: false })).toString('utf8');
  }

  /** What a program in its container prints. Errors: where it fails. */
  async run(...Cmd: readonly string[]): Promise<string> {
    const exec = await this.#container.exec({ Cmd: [...Cmd], AttachStdout: true, AttachStderr: true, Tty: true });
    const stream = await exec.start({ Tty: true });
    let text = '';
    for await (const bytes of stream) text += String(bytes);
    const { ExitCode } = await exec.inspect();
    if (ExitCode !== 0) throw new Error(`${Cmd.join(' ')} ended with ${ExitCode}:\n${text}`);
    return text.replaceAll('\r', '').trim();
  }

  /** Another `glovebox` in a container of its own, on the same volume and engine: what it says. Errors: where it fails. */
  async beside(...command: readonly string[]): Promise<string> {
    const container = await make(this.#docker, this.#image, this.#volume, command);
    try {
      await container.start();
      const { StatusCode } = (await container.wait()) as { readonly StatusCode: number };
      const said = (await container.logs({ stdout: true, stderr: true, follow: false })).toString('utf8');
      if (StatusCode !== 0) throw new Error(`${command.join(' ')} ended with ${StatusCode}:\n${said}`);
      return said;
    } finally {
      await container.remove({ force: true });
    }
  }

  /** Names in a folder of its state. */
  async names(folder: string): Promise<readonly string[]> {
    return (await this.run('sh', '-c', `ls ${HOME}/${folder} 2>/dev/null || true`)).split(/\s+/).filter((name) => name !== '');
  }

  /** Whether a container of this sandbox is on the engine. */
  async hasContainer(sandbox: string): Promise<boolean> {
    return (await this.#docker.listContainers({ all: true, filters: { label: [`${Label.sandbox}=${sandbox}`] } })).length > 0;
  }

  async #begin(): Promise<void> {
    await this.#container.start();
    const url = await this.url();
    const answer = (): Promise<unknown> => fetch(`${url}/readyz`).then((response) => response.json(), () => 'nobody');
    await vi.waitFor(async () => expect(await answer()).toMatchObject({ status: 'ready' }), { timeout: READY_MS, interval: 200 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container.remove({ force: true });
    await this.#docker.getVolume(this.#volume).remove();
  }
}

/** A bubblewrap in it makes namespaces of its own, which the engine's default forbids. */
function make(docker: Docker, image: string, volume: string, command: readonly string[] = SERVE): Promise<Docker.Container> {
  return docker.createContainer({
    Image: image,
    Cmd: [...command],
    ExposedPorts: { [PORT]: {} },
    HostConfig: {
      Binds: [`${volume}:${HOME}`, `${SOCKET}:${SOCKET}`],
      GroupAdd: [String(statSync(SOCKET).gid)],
      PortBindings: { [PORT]: [{ HostIp: '127.0.0.1', HostPort: '' }] },
      SecurityOpt: ['seccomp=unconfined', 'no-new-privileges:true'],
      CapDrop: ['ALL'],
      MaskedPaths: [],
      ReadonlyPaths: [],
    },
  });
}
