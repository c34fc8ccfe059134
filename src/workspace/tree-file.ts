/** What a tree can hold: a file, an executable file, a symbolic link. */
export type TreeMode = '100644' | '100755' | '120000';

/** A file on its way into or out of a tree. The content of a link is its target. */
export interface TreeFile {
  readonly path: string;
  readonly mode: TreeMode;
  readonly sizeBytes: number;
  /** Exactly `sizeBytes`. To be read once, before the next file is asked for. */
  readonly content: AsyncIterable<Buffer>;
}

export function isTreeMode(mode: string): mode is TreeMode {
  return mode === '100644' || mode === '100755' || mode === '120000';
}

/** Content that is in memory already. */
export async function* wholeContent(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
