/** A view that is kept may keep so many times its size alive. */
const MOST_ALIVE = 4;
/** Pieces shorter than this are put together. */
const DUST_BYTES = 4096;

/** The bytes of one long frame in the pieces in which they were read. They are not copied, unless a piece is a small part of what would be kept alive with it. */
export class BulkPieces {
  #pieces: Buffer[] = [];
  #bytes = 0;

  get length(): number {
    return this.#bytes;
  }

  add(piece: Buffer): void {
    this.#bytes += piece.length;
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.length < DUST_BYTES && piece.length < DUST_BYTES) this.#pieces[this.#pieces.length - 1] = Buffer.concat([last, piece]);
    else this.#pieces.push(piece.length * MOST_ALIVE < piece.buffer.byteLength ? Buffer.from(piece) : piece);
  }

  /** All of them; what is added from here on belongs to the next frame. */
  drain(): readonly Buffer[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    return pieces;
  }
}
