import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import type { CommandEnd, CommandSpec, OutputChunk, RunningCommand, SandboxFiles } from '../../src/contracts/index.ts';
import { findEngine, SandboxImages } from '../../src/sandbox/images/index.ts';
import { Engine } from '../../src/sandbox/docker/index.ts';
import type { ProbeTarget } from '../../src/sandbox/probe/index.ts';
import { careless } from './careless-files.ts';

const MiB = 2 ** 20;
const LABEL = 'glovebox.test.weak';

/** All that the checks are about; an engine may itself lack one of the others, and refuses then. */
const CAPABILITIES = ['SYS_ADMIN', 'SYS_MODULE', 'SYS_BOOT', 'SYS_PTRACE', 'SYS_RAWIO', 'SYS_NICE', 'NET_ADMIN', 'NET_RAW', 'DAC_READ_SEARCH', 'SYSLOG'];
/** As `--privileged`, but for the devices. */
const PRIVILEGED: Docker.HostConfig = { CapAdd: CAPABILITIES, SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'], MaskedPaths: [], ReadonlyPaths: [] };
/** On a busy machine too it gets the CPU that nothing keeps it from taking. */
const MOST_SHARES = 262_144;
/** As engines start containers that nobody has thought about. */
export const ORDINARY: Docker.HostConfig = { CapAdd: [], SecurityOpt: [], MaskedPaths: null, ReadonlyPaths: null } as unknown as Docker.HostConfig;

/** What is wrong with a place beyond what is wrong with all of them. */
export interface Weakness {
  readonly user?: string;
  readonly host?: Docker.HostConfig;
  readonly env?: readonly string[];
  /** Arguments before each command's own. */
  readonly wrap?: readonly string[];
  /** Output goes through a terminal. */
  readonly tty?: boolean;
  /** A command waits until the one before it has ended, its reader included. */
  readonly oneAtATime?: boolean;
  /** Nobody ever writes: stdin is at its end. */
  readonly stdinEnds?: boolean;
}

/**
 * A container without what makes a sandbox: root, every capability, no filter, a writable root. Commands are started in it as `docker exec` starts them,
 * and ended by forgetting them. It has a ceiling of its own all the same, for what is tried in it is tried in earnest.
 */
export class WeakPlace implements ProbeTarget, AsyncDisposable {
  readonly files: SandboxFiles;
  readonly #container: Docker.Container;
  readonly #weakness: Weakness;
  #before: Promise<unknown> = Promise.resolve();

  private constructor(container: Docker.Container, weakness: Weakness) {
    this.#container = container;
    this.#weakness = weakness;
    this.files = careless((argv, stdin) => this.#runWith(argv, stdin));
  }

  static async open(weakness: Weakness = {}): Promise<WeakPlace> {
    const docker = await new Engine(() => findEngine(process.env)).client();
    const container = await docker.createContainer({
      Image: await new SandboxImages(docker).reference('base'),
      // It reaps nobody, and anybody may look into it.
      Cmd: ['sleep', '300'],
      User: weakness.user ?? '0:0',
      WorkingDir: '/workspace',
      Env: [...(weakness.env ?? [])],
      Labels: { [LABEL]: String(process.pid) },
      HostConfig: { AutoRemove: true, ...PRIVILEGED, NetworkMode: 'none', Memory: 512 * MiB, MemorySwap: 512 * MiB, PidsLimit: 200, CpuShares: MOST_SHARES, ...weakness.host },
    });
    try {
      await container.start();
      return new WeakPlace(container, weakness);
    } catch (error) {
      // AutoRemove may have been quicker; the first error is the one to be heard.
      await container.remove({ force: true }).catch(() => undefined);
      throw error;
    }
  }

  inspect(): Promise<Docker.ContainerInspectInfo> {
    return this.#container.inspect();
  }

  /** Something that stays, and says when it is there. */
  async stage(argv: readonly string[]): Promise<void> {
    const { output } = this.exec({ id: 'stage' as CommandSpec['id'], argv: argv as CommandSpec['argv'], limits: { wallMs: 0 } });
    const first = await output[Symbol.asyncIterator]().next();
    if (first.done === true || first.value.channel === 'stderr') throw new Error(`${argv.join(' ')}: ${first.value?.bytes.toString() ?? 'ended'}`);
  }

  exec(spec: CommandSpec): RunningCommand {
    const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), Promise.withResolvers<NodeJS.ReadWriteStream>()];
    const turn = this.#weakness.oneAtATime === true ? this.#before : Promise.resolve();
    const ended = turn.then(() => this.#launch(spec, stdout, stderr, stdin));
    const end = this.#withDeadline(ended, spec.limits.wallMs, stdout, stderr);
    end.catch(stdin.reject);
    stdin.promise.catch(() => undefined);
    const read = Promise.withResolvers<void>();
    this.#before = Promise.all([end, read.promise]);
    return {
      id: spec.id,
      output: merged(stdout, stderr, read.resolve),
      end,
      outputFrom: () => merged(stdout, stderr, read.resolve),
      write: async (bytes) => void (await stdin.promise).write(bytes),
      closeStdin: async () => void (await stdin.promise).end(),
      resize: () => undefined,
      signal: () => undefined,
      // Forgotten, not killed.
      cancel: () => [stdout, stderr].forEach((stream) => stream.end()),
      forget: () => undefined,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container.remove({ force: true });
  }

  async #launch(spec: CommandSpec, stdout: PassThrough, stderr: PassThrough, stdin: PromiseWithResolvers<NodeJS.ReadWriteStream>): Promise<CommandEnd> {
    const Tty = this.#weakness.tty === true;
    const exec = await this.#container.exec({
      Cmd: [...(this.#weakness.wrap ?? []), ...spec.argv],
      WorkingDir: this.#weakness.wrap === undefined ? (spec.cwd ?? '/workspace') : '/workspace',
      Env: Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`),
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty,
    });
    const stream = await exec.start({ hijack: true, stdin: true, Tty });
    stdin.resolve(stream);
    if (this.#weakness.stdinEnds === true) stream.end();
    if (Tty) stream.pipe(stdout, { end: false });
    else this.#container.modem.demuxStream(stream, stdout, stderr);
    await Promise.race([once(stream, 'end'), once(stream, 'close')]);
    for (const each of [stdout, stderr]) each.end();
    return endedWith({ cause: 'exited', exitCode: (await exec.inspect()).ExitCode ?? 1 });
  }

  /** It says that it ended everything, and only stopped listening. */
  async #withDeadline(ended: Promise<CommandEnd>, wallMs: number, ...outputs: PassThrough[]): Promise<CommandEnd> {
    if (wallMs === 0) return ended;
    const timedOut = Promise.withResolvers<CommandEnd>();
    const timer = setTimeout(() => timedOut.resolve(endedWith({ cause: 'timeout' })), wallMs);
    const end = await Promise.race([ended, timedOut.promise]);
    clearTimeout(timer);
    for (const output of outputs) output.end();
    return end;
  }

  async #runWith(argv: readonly string[], stdin: Buffer): Promise<{ readonly code: number; readonly stdout: Buffer }> {
    const archive = pack();
    archive.entry({ name: 'tmp/.stdin' }, stdin);
    archive.finalize();
    await this.#container.putArchive(archive as unknown as NodeJS.ReadableStream, { path: '/' });
    const stdout = new PassThrough();
    const launched = this.#launch({ id: 'files' as CommandSpec['id'], argv: ['/bin/sh', '-c', '"$@" < /tmp/.stdin', 'sh', ...argv], limits: { wallMs: 0 } }, stdout, new PassThrough().resume(), Promise.withResolvers());
    const chunks = await Array.fromAsync(stdout as AsyncIterable<Buffer>);
    return { code: (await launched).exitCode ?? 1, stdout: Buffer.concat(chunks) };
  }
}

function endedWith(how: Pick<CommandEnd, 'cause'> & Partial<CommandEnd>): CommandEnd {
  return {
    limitsHit: [],
    oomKills: { count: 0, blame: 'certain' },
    tree: 'dead',
    markerLost: false,
    usage: { wallMs: 0, userMs: 0, systemMs: 0, maxRssBytes: 0 },
    output: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0, lostBytes: 0 },
    ...how,
  };
}

async function* merged(stdout: PassThrough, stderr: PassThrough, read: () => void): AsyncGenerator<OutputChunk> {
  for (const [channel, stream] of [['stdout', stdout], ['stderr', stderr]] as const) {
    for await (const bytes of stream as AsyncIterable<Buffer>) yield { channel, offset: 0, bytes };
  }
  read();
}
