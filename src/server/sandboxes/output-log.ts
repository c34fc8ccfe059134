import { GloveboxError, type OutputChunk, type OutputOffsets } from '../../contracts/index.ts';
import type { SpoolFile, SpooledPiece } from './spool-file.ts';

/** What a policy lends that says nothing of output. */
export const OUTPUT_BYTES = 64 * 1_048_576;
/** So much is kept in memory; what is more goes to a file. */
const MEMORY_BYTES = 64 * 1024;
/** Pieces that follow one another in a channel are one, up to this. */
const PIECE_BYTES = 32 * 1024;

interface Piece {
  readonly channel: OutputChunk['channel'];
  readonly offset: number;
  length: number;
  /** In memory; else at `at` in the file. */
  buffer: Buffer | undefined;
  at: number;
}

/** All that a command has put out, for as many readers as there are, from any byte on, as often as they like. How much that can be is the command's limit. */
export class OutputLog implements AsyncDisposable {
  readonly #open: () => Promise<SpoolFile>;
  readonly #pieces: Piece[] = [];
  readonly #waiting = new Set<() => void>();
  #memoryBytes = 0;
  #file: SpoolFile | undefined;
  #isOver = false;
  /** Where the next byte of each channel is. */
  readonly #next: Record<OutputChunk['channel'], number> = { stdout: 0, stderr: 0 };

  /** `open` makes the file, once there is a need of one; `left` is what an earlier service has put into one. */
  constructor(open: () => Promise<SpoolFile>, left?: { readonly file: SpoolFile; readonly pieces: readonly SpooledPiece[] }) {
    this.#open = open;
    if (left === undefined) return;
    this.#file = left.file;
    for (const { channel, offset, length, at } of left.pieces) {
      this.#pieces.push({ channel, offset, length, at, buffer: undefined });
      this.#next[channel] = offset + length;
    }
  }

  /** What is here already does not count when it comes again. Errors: those of the disk. */
  async append(chunk: OutputChunk): Promise<void> {
    const known = Math.max(0, this.#next[chunk.channel] - chunk.offset);
    if (known >= chunk.bytes.length) return;
    this.#next[chunk.channel] = chunk.offset + chunk.bytes.length;
    await this.#add({ channel: chunk.channel, offset: chunk.offset + known, bytes: chunk.bytes.subarray(known) });
  }

  async #add({ channel, offset, bytes }: OutputChunk): Promise<void> {
    const last = this.#pieces.at(-1);
    if (last?.channel === channel && last.offset + last.length === offset && last.buffer !== undefined && last.length + bytes.length <= PIECE_BYTES) {
      last.buffer = Buffer.concat([last.buffer, bytes]);
      last.length += bytes.length;
    } else this.#pieces.push({ channel, offset, length: bytes.length, buffer: Buffer.from(bytes), at: 0 });
    this.#memoryBytes += bytes.length;
    if (this.#memoryBytes > MEMORY_BYTES) await this.#spill();
    this.#wake();
  }

  /** There is no more to come. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** What there is from these offsets on, and then what comes, to the end or until the signal fires. */
  async *read(from: OutputOffsets, signal?: AbortSignal): AsyncGenerator<OutputChunk> {
    const next = { stdout: from.stdout ?? 0, stderr: from.stderr ?? 0 };
    for (let index = 0; signal?.aborted !== true; ) {
      const piece = this.#pieces[index];
      const skip = piece === undefined ? 0 : Math.max(0, next[piece.channel] - piece.offset);
      if (piece !== undefined && skip < piece.length) {
        const bytes = (await this.#bytes(piece)).subarray(skip);
        const offset = piece.offset + skip;
        next[piece.channel] = offset + bytes.length;
        yield { channel: piece.channel, offset, bytes };
        // The last piece may have grown meanwhile.
      } else if (index < this.#pieces.length - 1) index += 1;
      else if (this.#isOver) return;
      else await this.#more(signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    const file = this.#file;
    this.#file = undefined;
    await file?.[Symbol.asyncDispose]();
  }

  async #bytes(piece: Piece): Promise<Buffer> {
    if (piece.buffer !== undefined) return piece.buffer;
    if (this.#file === undefined) throw new GloveboxError('not_found', 'the command was forgotten, and its output with it');
    return this.#file.read(piece.at, piece.length);
  }

  async #spill(): Promise<void> {
    this.#file ??= await this.#open();
    for (const piece of this.#pieces) {
      if (piece.buffer === undefined) continue;
      piece.at = await this.#file.append({ channel: piece.channel, offset: piece.offset, bytes: piece.buffer });
      piece.buffer = undefined;
    }
    this.#memoryBytes = 0;
  }

  #more(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** How far a reader has come, as text: `<stdout>-<stderr>`. */
export function offsetsText({ stdout = 0, stderr = 0 }: OutputOffsets): string {
  return `${stdout}-${stderr}`;
}

/** Undefined for what is none. */
export function readOffsets(text: string): Required<OutputOffsets> | undefined {
  const [, stdout, stderr] = /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  return stdout === undefined || stderr === undefined ? undefined : { stdout: Number(stdout), stderr: Number(stderr) };
}
