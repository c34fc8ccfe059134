import type { Readable, Writable } from 'node:stream';

/** Where a child runs, as whoever talks to it sees it. */
export interface Place {
  readonly input: Writable;
  readonly output: Readable;
  /** Settles when the child is dead, for whatever reason. */
  readonly gone: Promise<Death>;
  /** Settles when nothing is left of it besides. */
  readonly cleared: Promise<void>;
  /** Holds the child to its limits: before any program runs in it. `pid` is what it calls itself. */
  confine(pid: number): Promise<void>;
  /** At once, and without a word to it. Idempotent. */
  kill(): void;
  /** What it has used so far, or had used when it was last looked at; undefined where that cannot be told. */
  usage(): ProcessUsage | undefined;
}

export interface ProcessUsage {
  readonly cpuMs: number;
  readonly residentBytes: number;
}

export interface Death {
  readonly outOfMemory: boolean;
  /** The end of what it said on stderr. Nothing of a program's gets there. */
  readonly lastWords: string;
}

const MAX_LAST_WORDS = 4096;
/** V8's, and isolated-vm's, last words when memory is out. The last are of a thread for whose stack there was none: what runs in an isolate can start no threads. */
const OUT_OF_MEMORY = /out of memory|is_heap_oom|std::bad_alloc|std::system_error'\s+what\(\):\s+Resource temporarily unavailable/i;
/** USER_HZ, which is 100 on every Linux that node runs on. */
const MS_A_TICK = 10;
const PAGE_BYTES = 4096;

/** What a child says on stderr, as far as it is kept. */
export class LastWords {
  #text = '';

  add(text: string): void {
    this.#text = (this.#text + text).slice(-MAX_LAST_WORDS);
  }

  /** `killed`: the kernel has ended something of the child for want of memory. */
  death(killed: boolean): Death {
    return { outOfMemory: killed || OUT_OF_MEMORY.test(this.#text), lastWords: this.#text };
  }
}

/** From the text of /proc/<pid>/stat. */
export function usageOf(stat: string): ProcessUsage {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_A_TICK, residentBytes: Number(fields[21]) * PAGE_BYTES };
}
