import { GloveboxError } from '../contracts/index.ts';

const BLOCK_BYTES = 512;
/** What pax and GNU put before an entry to say more of it: no entry of its own. */
const EXTENSIONS = new Set(['x', 'g', 'L', 'K']);

/**
 * Counts the entries of a tar stream while it goes by, holding no more than a block. What is in them is not looked at: that is for whoever
 * unpacks. Sizes beyond eleven octal digits, which only pax can say, are 8 GiB and more: no workspace has a file of that size.
 */
export class TarEntries {
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #filled = 0;
  #skipBytes = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Errors: `archive_hostile` where a header should be and none is. */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const skipped = Math.min(this.#skipBytes, chunk.length - at);
      this.#skipBytes -= skipped;
      at += skipped;
      const taken = Math.min(BLOCK_BYTES - this.#filled, chunk.length - at);
      this.#block.set(chunk.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === BLOCK_BYTES) this.#header();
    }
  }

  #header(): void {
    this.#filled = 0;
    // Two blocks of zeros end an archive.
    if (this.#block.every((byte) => byte === 0)) return;
    const size = /^[0-7]+/.exec(this.#block.toString('latin1', 124, 136))?.[0];
    if (size === undefined || this.#block.toString('latin1', 257, 262) !== 'ustar') throw new GloveboxError('archive_hostile', 'what the sandbox packed is no tar archive');
    this.#skipBytes = Math.ceil(Number.parseInt(size, 8) / BLOCK_BYTES) * BLOCK_BYTES;
    if (!EXTENSIONS.has(this.#block.toString('latin1', 156, 157))) this.#count += 1;
  }
}
