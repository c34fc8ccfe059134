import type { Readable, Writable } from 'node:stream';

/** Where a child runs, as whoever talks to it sees it. */
export interface Place {
  readonly input: Writable;
  readonly output: Readable;
  /** Settles when the child is dead, for whatever reason. */
  readonly gone: Promise<Death>;
  /** Holds the child to its limits: before any program runs in it. */
  confine(): Promise<void>;
  /** At once, and without a word to it. Idempotent. */
  kill(): void;
  /** What it has used so far; undefined where that cannot be told. */
  usage(): { readonly cpuMs: number; readonly residentBytes: number } | undefined;
}

export interface Death {
  readonly outOfMemory: boolean;
  /** The end of what it said on stderr. Nothing of a program's gets there. */
  readonly lastWords: string;
}
