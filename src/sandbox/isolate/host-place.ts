import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { Confinement, Hold } from './confinement.ts';
import { childArguments } from './launch.ts';
import type { Death, Place } from './place.ts';

const MAX_LAST_WORDS = 4096;
/** V8's, and isolated-vm's, last words when memory is out. */
const OUT_OF_MEMORY = /out of memory|is_heap_oom|std::bad_alloc/i;
/** USER_HZ, which is 100 on every Linux that node runs on. */
const MS_A_TICK = 10;
const PAGE_BYTES = 4096;

/** A child as a process of this host: a user of its own where we are root, a control group of its own where there are any, no environment. */
export class HostPlace implements Place {
  readonly gone: Promise<Death>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #confinement: Confinement;
  readonly #uid: number;
  readonly #memoryBytes: number;
  #hold: Hold | undefined;
  #lastWords = '';

  constructor(confinement: Confinement, options: { readonly memoryBytes: number; readonly outputBytes: number }) {
    this.#confinement = confinement;
    this.#memoryBytes = options.memoryBytes;
    this.#uid = confinement.user();
    const [program = process.execPath, ...rest] = [...confinement.prefix, process.execPath, ...childArguments({ ...options, uid: this.#uid })];
    this.#child = spawn(program, rest, { env: {}, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-MAX_LAST_WORDS);
    });
    this.gone = this.#death();
  }

  get input(): Writable {
    return this.#child.stdin;
  }

  get output(): Readable {
    return this.#child.stdout;
  }

  async confine(): Promise<void> {
    if (this.#child.pid !== undefined) this.#hold = await this.#confinement.hold(this.#child.pid, this.#uid, this.#memoryBytes);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  usage(): { readonly cpuMs: number; readonly residentBytes: number } | undefined {
    try {
      const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return { cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_A_TICK, residentBytes: Number(fields[21]) * PAGE_BYTES };
    } catch {
      // It has ended, or this is no Linux.
      return undefined;
    }
  }

  async #death(): Promise<Death> {
    await new Promise<void>((resolve) => {
      this.#child.on('close', () => resolve());
      this.#child.on('error', (error) => {
        this.#lastWords += error.message;
        resolve();
      });
    });
    const kills = (await this.#hold?.outOfMemoryKills()) ?? 0;
    // What is left of the group is empty, and removed at the next start if not now.
    await this.#hold?.release().catch(() => undefined);
    return { outOfMemory: kills > 0 || OUT_OF_MEMORY.test(this.#lastWords), lastWords: this.#lastWords };
  }
}
