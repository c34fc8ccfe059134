/** A file of a folder of blobs, or an object of a bucket. */
export interface BlobFile {
  readonly name: string;
  readonly bytes: number;
  /** When it was last written. */
  readonly writtenMs: number;
}

/** Where blobs lie: bytes under names such as `ab/cdef…`, which only ever appear with their whole content. Errors of all: `journal_failed`. */
export interface BlobFiles {
  /** For messages: a folder, a bucket. */
  readonly place: string;
  /** In the place of what was there; durable when it resolves. */
  write(name: string, bytes: Buffer): Promise<void>;
  /** For what need not fit into memory; its name is asked for after the last chunk. A source that fails leaves nothing, and its error is passed on. */
  writeStream(chunks: AsyncIterable<Uint8Array>, name: () => string): Promise<void>;
  /** Undefined where there is none. */
  read(name: string): Promise<Buffer | undefined>;
  /** In pieces. Undefined where there is none. */
  open(name: string): Promise<AsyncIterable<Buffer> | undefined>;
  /** All whose names begin with this folder. */
  list(folder: string): AsyncIterable<BlobFile>;
  /** Makes what is there durable: whoever wrote it may not have come so far yet. */
  settle(name: string): Promise<void>;
  /** Nothing where there is none. */
  remove(name: string): Promise<void>;
}
