import { posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract, pack as packTar } from 'tar-stream';
import {
  type CommandEnd,
  type CommandSpec,
  type FileChange,
  type FileEntry,
  GloveboxError,
  type OutputChunk,
  randomIds,
  type RunningCommand,
  type Sandbox,
  type SandboxDriver,
  type Sandboxes,
  type SandboxFiles,
  type SandboxPulse,
  systemClock,
} from '../../../src/contracts/index.ts';

interface Node {
  type: 'file' | 'directory' | 'symlink';
  mode: number;
  bytes: Buffer;
  target?: string;
  inode: bigint;
}

export interface FakeCommand {
  readonly argv: readonly string[];
  readonly files: FakeFiles;
  readonly sandbox: FakeSandbox;
}
export interface FakeResult {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
  readonly end?: Partial<CommandEnd>;
  /** Until the command is cancelled. */
  readonly hangs?: boolean;
}
export type Interpreter = (command: FakeCommand) => FakeResult;

const ids = randomIds(systemClock);
let inodes = 1n;

/** For the logic of loops and runs only: files are a map, and a command is a function of the test. */
export class FakeSandboxes implements Sandboxes {
  readonly created: FakeSandbox[] = [];
  interpreter: Interpreter;

  constructor(interpreter: Interpreter) {
    this.interpreter = interpreter;
  }

  create(): Promise<Sandbox> {
    const sandbox = new FakeSandbox((command) => this.interpreter(command));
    this.created.push(sandbox);
    return Promise.resolve(sandbox);
  }

  get alive(): number {
    return this.created.filter((sandbox) => !sandbox.isGone).length;
  }

  status(): ReturnType<SandboxDriver['status']> extends Promise<infer S> ? Promise<S[]> : never {
    return Promise.resolve([]);
  }

  list(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }

  adopt(id: string): Promise<Sandbox> {
    return Promise.reject(new GloveboxError('not_found', `no sandbox ${id}`));
  }

  sweep(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }
}

export class FakeSandbox implements Sandbox {
  readonly id = ids.next('sbx');
  readonly kind = 'container';
  readonly image = 'sha256:fake';
  readonly limitsAre = 'hard';
  readonly workspaceIs = 'memory';
  readonly files = new FakeFiles(() => this.isGone);
  readonly gone: Promise<string>;
  isGone = false;
  readonly #interpreter: Interpreter;
  readonly #vanish: (why: string) => void;

  constructor(interpreter: Interpreter) {
    this.#interpreter = interpreter;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.gone = promise;
    this.#vanish = resolve;
  }

  vanish(why: string): void {
    this.isGone = true;
    this.#vanish(why);
  }

  ping(): Promise<SandboxPulse> {
    return Promise.resolve({ initBytes: 0, processes: 0, commands: 0 });
  }

  readonly env = {};

  setEnv(): void {}

  serveNetwork(): void {}

  pause(): Promise<void> {
    return Promise.resolve();
  }

  resume(): Promise<void> {
    return Promise.resolve();
  }

  exec(spec: CommandSpec): RunningCommand {
    const cancelled = Promise.withResolvers<CommandEnd>();
    const result: FakeResult = this.isGone ? { end: { cause: 'lost' } } : this.#interpreter({ argv: spec.argv, files: this.files, sandbox: this });
    const chunks: OutputChunk[] = (['stdout', 'stderr'] as const).map((channel) => ({ channel, offset: 0, bytes: Buffer.from(result[channel] ?? '') }));
    const { exitCode = 0 } = result;
    const end = result.hangs === true ? cancelled.promise : Promise.resolve(ended({ ...(result.end === undefined ? { exitCode } : {}), ...result.end }));
    return {
      id: spec.id,
      output: (async function* () {
        yield* chunks.filter(({ bytes }) => bytes.length > 0);
        await end;
      })(),
      end,
      outputFrom: async function* () {},
      write: () => Promise.resolve(),
      closeStdin: () => Promise.resolve(),
      resize: () => {},
      signal: () => {},
      cancel: () => cancelled.resolve(ended({ cause: 'cancelled' })),
      forget: () => {},
    };
  }

  command(): undefined {}

  destroy(): Promise<void> {
    this.vanish('destroyed');
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }
}

export function ended(how: Partial<CommandEnd>): CommandEnd {
  return {
    cause: 'exited',
    limitsHit: [],
    oomKills: { count: 0, blame: 'certain' },
    tree: 'dead',
    markerLost: false,
    usage: { wallMs: 0, userMs: 0, systemMs: 0, maxRssBytes: 0 },
    output: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0, lostBytes: 0 },
    ...how,
  };
}

export class FakeFiles implements SandboxFiles {
  readonly #nodes = new Map<string, Node>([['/workspace', directory()]]);
  readonly #isGone: () => boolean;

  constructor(isGone: () => boolean) {
    this.#isGone = isGone;
  }

  text(path: string): string | undefined {
    return this.#nodes.get(absolute(path))?.bytes.toString('utf8');
  }

  put(path: string, text: string): void {
    const full = absolute(path);
    for (let above = posix.dirname(full); above !== '/'; above = posix.dirname(above)) if (!this.#nodes.has(above)) this.#nodes.set(above, directory());
    this.#nodes.set(full, { type: 'file', mode: 0o644, bytes: Buffer.from(text), inode: inodes++ });
  }

  delete(path: string): void {
    for (const known of this.#nodes.keys()) if (known === absolute(path) || known.startsWith(`${absolute(path)}/`)) this.#nodes.delete(known);
  }

  resolve(path: string): Promise<string> {
    return this.#when(() => {
      if (!this.#nodes.has(posix.dirname(posix.normalize(path))) && posix.dirname(path) !== '/') throw missing(path);
      return posix.normalize(path);
    });
  }

  read(path: string): Promise<Buffer> {
    return this.#when(() => this.#node(path).bytes);
  }

  write(path: string, bytes: Buffer, options: { mode?: number } = {}): Promise<void> {
    return this.#when(() => {
      this.put(path, '');
      Object.assign(this.#node(path), { bytes, mode: options.mode ?? 0o644 });
    });
  }

  stat(path: string): Promise<FileEntry> {
    return this.#when(() => entry(path, this.#node(path)));
  }

  list(path: string, options: { recursive?: boolean; exclude?: readonly string[] } = {}): Promise<FileEntry[]> {
    return this.#when(() => {
      const found: FileEntry[] = [];
      for (const [known, node] of this.#nodes) {
        if (!known.startsWith(`${path}/`)) continue;
        const relative = known.slice(path.length + 1);
        if (options.recursive !== true && relative.includes('/')) continue;
        if (relative.split('/').some((name) => options.exclude?.includes(name))) continue;
        found.push(entry(relative, node));
      }
      return found;
    });
  }

  mkdir(path: string): Promise<void> {
    return this.#when(() => void this.#nodes.set(path, directory()));
  }

  remove(path: string): Promise<void> {
    return this.#when(() => {
      this.#node(path);
      this.delete(path);
    });
  }

  rename(): Promise<void> {
    throw new Error('not needed');
  }

  watch(): Promise<AsyncIterable<FileChange>> {
    return Promise.reject(new Error('nobody watches a fake'));
  }

  async *pack(folder: string, options: { paths?: readonly string[] } = {}): AsyncGenerator<Buffer> {
    const tar = packTar();
    for (const path of options.paths ?? []) {
      const node = this.#node(`${folder}/${path}`);
      if (node.type === 'symlink') tar.entry({ name: path, type: 'symlink', linkname: node.target ?? '' });
      else tar.entry({ name: path, mode: node.mode }, node.bytes);
    }
    tar.finalize();
    for await (const chunk of tar) yield chunk as Buffer;
  }

  async unpack(folder: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    const reader = extract();
    const done = (async () => {
      for await (const item of reader) {
        const chunks: Buffer[] = [];
        for await (const chunk of item) chunks.push(chunk as Buffer);
        const { name, type, linkname, mode } = item.header;
        const path = posix.join(folder, name).replace(/\/$/, '');
        if (type === 'directory') this.#nodes.set(path, directory());
        else {
          this.put(path, '');
          const node = { type: type === 'symlink' ? 'symlink' : 'file', mode: mode ?? 0o644, bytes: Buffer.concat(chunks), ...(linkname == null ? {} : { target: linkname }) };
          Object.assign(this.#nodes.get(path)!, node);
        }
      }
    })();
    await Promise.all([pipeline(tar, reader), done]);
  }

  #node(path: string): Node {
    const node = this.#nodes.get(posix.normalize(path));
    if (node === undefined) throw missing(path);
    return node;
  }

  #when<T>(act: () => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.#isGone()) throw new GloveboxError('sandbox_lost', 'the sandbox is gone');
      resolve(act());
    });
  }
}

function absolute(path: string): string {
  return posix.resolve('/workspace', path);
}

function directory(): Node {
  return { type: 'directory', mode: 0o755, bytes: Buffer.alloc(0), inode: inodes++ };
}

function missing(path: string): GloveboxError {
  return new GloveboxError('file_failed', `ENOENT ${path}`, { details: { errno: 'ENOENT' } });
}

function entry(path: string, node: Node): FileEntry {
  const { type, mode, bytes, inode, target } = node;
  return { path, type, mode, sizeBytes: bytes.length, modifiedNs: 0n, inode, ...(target === undefined ? {} : { target }) };
}
