import { GloveboxError } from '../contracts/index.ts';
import type { CommandSpec, FileChange, FileEntry, FileOptions, OutputChunk, RunningCommand, SandboxFiles } from '../contracts/index.ts';
import { cancelled } from './deadline.ts';
import { readChanges } from './file-changes.ts';
import { readEntries } from './file-entries.ts';
import { Builtin } from './wire/protocol.ts';

const TIMEOUT_MS = 60_000;
/** What `read` takes when nobody says otherwise: more than any source file, and less than what would hurt. */
const MAX_READ_BYTES = 64 * 2 ** 20;
/** A path is at most 4096 bytes, so a hundred thousand entries stay bounded even when hostile. */
const MAX_ENTRIES = 200_000;
const MAX_LISTING_BYTES = 256 * 2 ** 20;
const MAX_COMPLAINT_BYTES = 8192;

type How = Pick<CommandSpec, 'limits' | 'stdin'>;
type Start = (builtin: Builtin, argv: readonly string[], how: How) => RunningCommand;

/** Files through the operations that are built into init: the image needs no tool for them, and no path of ours is involved. */
export class GuestFiles implements SandboxFiles {
  readonly #start: Start;

  constructor(start: Start) {
    this.#start = start;
  }

  async resolve(path: string, options: FileOptions = {}): Promise<string> {
    const bytes = await this.#run(Builtin.resolve, [path], options);
    return bytes.toString('utf8', 0, Math.max(0, bytes.indexOf(0)));
  }

  async read(path: string, options: FileOptions & { offset?: number; length?: number; maxBytes?: number } = {}): Promise<Buffer> {
    const { offset, length, maxBytes = MAX_READ_BYTES } = options;
    const wanted = Math.min(length ?? Number.POSITIVE_INFINITY, maxBytes + 1);
    const argv = [path, ...(offset === undefined ? [] : [`--offset=${offset}`]), `--length=${wanted}`];
    const bytes = await this.#run(Builtin.read, argv, options, { maxBytes: maxBytes + 1 });
    if (bytes.length > maxBytes) throw failed('EFBIG', path, `it is larger than ${maxBytes} bytes`);
    return bytes;
  }

  async write(path: string, bytes: Buffer, options: FileOptions & { mode?: number; parents?: boolean } = {}): Promise<void> {
    const mode = options.mode === undefined ? [] : [`--mode=${options.mode.toString(8)}`];
    await this.#run(Builtin.write, [path, ...mode, ...flag('parents', options.parents)], options, { stdin: [bytes] });
  }

  async stat(path: string, options: FileOptions = {}): Promise<FileEntry> {
    const [entry] = readEntries(await this.#run(Builtin.stat, [path], options));
    if (entry === undefined) throw failed('EIO', path, 'init answered with nothing');
    return entry;
  }

  /** Paths of the entries are relative to `path`. */
  async list(path: string, options: FileOptions & { recursive?: boolean; exclude?: readonly string[]; limit?: number } = {}): Promise<FileEntry[]> {
    const argv = [path, ...flag('recursive', options.recursive), ...excludes(options.exclude), `--limit=${options.limit ?? MAX_ENTRIES}`];
    return readEntries(await this.#run(Builtin.list, argv, options, { maxBytes: MAX_LISTING_BYTES }));
  }

  async mkdir(path: string, options: FileOptions & { parents?: boolean } = {}): Promise<void> {
    await this.#run(Builtin.mkdir, [path, ...flag('parents', options.parents)], options);
  }

  async remove(path: string, options: FileOptions & { recursive?: boolean } = {}): Promise<void> {
    await this.#run(Builtin.remove, [path, ...flag('recursive', options.recursive)], options);
  }

  async rename(from: string, to: string, options: FileOptions = {}): Promise<void> {
    await this.#run(Builtin.rename, [from, to], options);
  }

  async *pack(directory: string, options: FileOptions & { paths?: readonly string[]; exclude?: readonly string[] } = {}): AsyncIterable<Buffer> {
    const { paths } = options;
    const argv = [directory, ...excludes(options.exclude), ...flag('paths', paths !== undefined)];
    const stdin = paths === undefined ? undefined : [Buffer.from(paths.map((path) => `${path}\0`).join(''))];
    for await (const { bytes } of this.#stream(Builtin.pack, argv, options, stdin)) yield bytes;
  }

  async watch(path: string, options: FileOptions & { recursive?: boolean; exclude?: readonly string[]; limit?: number } = {}): Promise<AsyncIterable<FileChange>> {
    const limit = options.limit === undefined ? [] : [`--limit=${options.limit}`];
    const argv = [path, ...flag('recursive', options.recursive), ...excludes(options.exclude), ...limit];
    const changes = readChanges(bytesOf(this.#stream(Builtin.watch, argv, { ...options, timeoutMs: options.timeoutMs ?? 0 })));
    // It says so itself once it watches, or fails.
    const ready = await changes.next();
    if (ready.value !== 'ready') throw failed('EIO', path, 'init ended the watch before it began');
    return changes as AsyncIterable<FileChange>; // ready is said once
  }

  async unpack(directory: string, tar: AsyncIterable<Uint8Array>, options: FileOptions = {}): Promise<void> {
    await this.#run(Builtin.unpack, [directory], options, { stdin: tar });
  }

  async #run(
    builtin: Builtin,
    argv: readonly string[],
    options: FileOptions,
    more: { readonly stdin?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>; readonly maxBytes?: number } = {},
  ): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const { bytes } of this.#stream(builtin, argv, options, more.stdin)) {
      length += bytes.length;
      if (length > (more.maxBytes ?? MAX_COMPLAINT_BYTES)) throw failed('EFBIG', argv[0] ?? '', 'the answer is larger than it may be');
      chunks.push(bytes);
    }
    return Buffer.concat(chunks, length);
  }

  /** One operation: its stdout as it comes, and an error where it failed. Whoever stops reading cancels it. */
  async *#stream(
    builtin: Builtin,
    argv: readonly string[],
    options: FileOptions,
    stdin?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<OutputChunk, void> {
    if (options.signal?.aborted === true) throw cancelled('a file operation', options.signal);
    const command = this.#start(builtin, argv, { limits: { wallMs: options.timeoutMs ?? TIMEOUT_MS }, stdin: stdin === undefined ? 'none' : 'pipe' });
    const abort = (): void => command.cancel(0);
    options.signal?.addEventListener('abort', abort, { once: true });
    const feeding = stdin === undefined ? Promise.resolve() : feed(command, stdin);
    // Its failure is looked at below; until then it must not count as unhandled.
    feeding.catch(abort);
    let complaint = '';
    let over = false;
    try {
      for await (const chunk of command.output) {
        if (chunk.channel === 'stdout') yield chunk;
        else if (complaint.length < MAX_COMPLAINT_BYTES) complaint += chunk.bytes.toString('utf8');
      }
      over = true;
      await judge(command, argv[0] ?? '', complaint, feeding, options);
    } finally {
      options.signal?.removeEventListener('abort', abort);
      if (!over) command.cancel(0);
    }
  }
}

async function* bytesOf(chunks: AsyncIterable<OutputChunk>): AsyncGenerator<Buffer, void> {
  for await (const { bytes } of chunks) yield bytes;
}

/** Stops early when the command is over: an upload that was refused need not be sent to its end. */
async function feed(command: RunningCommand, stdin: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  let over = false;
  void command.end.then(() => {
    over = true;
  });
  for await (const bytes of stdin) {
    if (over) return;
    await command.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
  await command.closeStdin();
}

async function judge(command: RunningCommand, path: string, complaint: string, feeding: Promise<void>, { signal, timeoutMs = TIMEOUT_MS }: FileOptions): Promise<void> {
  const end = await command.end;
  if (signal?.aborted === true) throw cancelled('a file operation', signal);
  // A source that failed is the caller's error, and the reason for whatever else went wrong.
  if (end.cause === 'cancelled') await feeding;
  switch (end.cause) {
    case 'exited':
      if (end.exitCode === 0) return;
      throw complained(complaint, path);
    case 'timeout':
      throw new GloveboxError('deadline', `the file operation on ${JSON.stringify(path)} took longer than ${timeoutMs} ms`);
    case 'lost':
      throw new GloveboxError('sandbox_lost', `the sandbox went away during a file operation on ${JSON.stringify(path)}`);
    default:
      throw failed(end.startError ?? 'EIO', path, `the operation ended with cause ${end.cause}`);
  }
}

/** init's words are `ENAME path`; what does not look like it is not passed on. */
function complained(complaint: string, path: string): GloveboxError {
  const [, errno, named] = /^(E[A-Z0-9]{1,20}) ([^\0]*?)\n/s.exec(complaint) ?? [];
  return failed(errno ?? 'EIO', named ?? path);
}

function failed(errno: string, path: string, why?: string): GloveboxError {
  const message = `file operation failed on ${JSON.stringify(path)}: ${errno}${why === undefined ? '' : ` (${why})`}`;
  return new GloveboxError('file_failed', message, { details: { errno, path } });
}

function flag(name: string, wanted: boolean | undefined): string[] {
  return wanted === true ? [`--${name}`] : [];
}

function excludes(names: readonly string[] = []): string[] {
  return names.map((name) => `--exclude=${name}`);
}
