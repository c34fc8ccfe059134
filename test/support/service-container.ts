import { PassThrough } from 'node:stream';
import { GenericContainer, type StartedTestContainer } from 'testcontainers';
import { Engine } from '../../src/sandbox/docker/index.ts';
import { findEngine } from '../../src/sandbox/images/index.ts';
import { ensureServiceImage } from '../../scripts/prepare/service-image.ts';

const SAYS_MS = 120_000;

/** A bubblewrap in a container makes namespaces of its own, and a /proc for each: the engine's default forbids both. Nothing else of its container is let go. */
class ServiceContainer extends GenericContainer {
  withNamespaces(): this {
    this.withSecurityOpt('seccomp=unconfined');
    Object.assign(this.hostConfig, { MaskedPaths: [], ReadonlyPaths: [] });
    return this;
  }
}

/** Machines that run the image of the service. They have no folder in common. */
export class ServiceMachines implements AsyncDisposable {
  readonly #image: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #open = new AsyncDisposableStack();

  static async prepare(environment: Readonly<Record<string, string>>): Promise<ServiceMachines> {
    const docker = await new Engine(() => findEngine()).client();
    const image = await ensureServiceImage(docker);
    return new ServiceMachines(image, environment);
  }

  private constructor(image: string, environment: Readonly<Record<string, string>>) {
    this.#image = image;
    this.#environment = environment;
  }

  /** A machine whose first process is this command. */
  async start(...command: readonly string[]): Promise<ServiceMachine> {
    const said = new Said();
    const container = await new ServiceContainer(this.#image)
      .withNamespaces()
      // What the test serves on 127.0.0.1 is what machines see there.
      .withNetworkMode('host')
      .withEnvironment({ ...this.#environment })
      .withCommand([...command])
      .withLogConsumer((stream) => stream.pipe(said.stream))
      .start();
    const machine = new ServiceMachine(container, said);
    this.#open.use(machine);
    return machine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync();
  }
}

/** One of them. */
class ServiceMachine implements AsyncDisposable {
  readonly #container: StartedTestContainer;
  readonly #said: Said;

  constructor(container: StartedTestContainer, said: Said) {
    this.#container = container;
    this.#said = said;
  }

  /** Fails with all that it said, where it does not say this within two minutes. */
  says(text: string | RegExp): Promise<void> {
    return this.#said.has(text);
  }

  /** Another `glovebox` there. Gives its stdout. */
  async run(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#container.exec(['glovebox', ...args]);
    if (exitCode !== 0) throw new Error(`glovebox ${args.join(' ')} ended with ${exitCode}:\n${stdout}${stderr}`);
    return stdout.trim();
  }

  async kill(): Promise<void> {
    await (await this.#engineContainer()).kill();
  }

  async freeze(): Promise<void> {
    await (await this.#engineContainer()).pause();
  }

  async wake(): Promise<void> {
    await (await this.#engineContainer()).unpause();
  }

  /** Tells it to end, and gives its exit code. */
  async end(): Promise<number> {
    const container = await this.#engineContainer();
    await container.stop({ t: 30 });
    return (await container.inspect()).State.ExitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const container = await this.#engineContainer();
    // One that is frozen cannot be killed by every engine.
    await container.unpause().catch(() => {});
    await container.remove({ force: true, v: true });
  }

  async #engineContainer() {
    return (await new Engine(() => findEngine()).client()).getContainer(this.#container.getId());
  }
}

/** What a container says on both of its streams. */
class Said {
  readonly stream = new PassThrough();
  #text = '';
  #more = Promise.withResolvers<void>();

  constructor() {
    this.stream.on('data', (bytes: Buffer) => this.#heard(bytes.toString()));
    this.stream.on('end', () => this.#heard('[it ended]'));
  }

  async has(text: string | RegExp): Promise<void> {
    const deadline = setTimeout(() => this.#heard('[two minutes are over]'), SAYS_MS);
    try {
      while (this.#text.search(text) === -1) {
        if (/\[(?:it ended|two minutes are over)\]/.test(this.#text)) throw new Error(`it did not say ${text}:\n${this.#text}`);
        await this.#more.promise;
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  #heard(text: string): void {
    this.#text += text;
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }
}
