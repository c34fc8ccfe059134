import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { Confinement, Hold } from './confinement.ts';
import { childArguments, installedProgram } from './launch.ts';
import { type Death, LastWords, type Place, type ProcessUsage, usageOf } from './place.ts';

/** A child as a process of this host: a user of its own where we are root, a control group of its own where there are any, no environment. */
export class HostPlace implements Place {
  readonly gone: Promise<Death>;
  readonly cleared: Promise<void>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #confinement: Confinement;
  readonly #uid: number;
  readonly #memoryBytes: number;
  readonly #lastWords = new LastWords();
  #hold: Hold | undefined;

  constructor(confinement: Confinement, options: { readonly memoryBytes: number; readonly outputBytes: number }) {
    this.#confinement = confinement;
    this.#memoryBytes = options.memoryBytes;
    this.#uid = confinement.user();
    const [program = process.execPath, ...rest] = [...confinement.prefix, process.execPath, ...childArguments(installedProgram(), { ...options, uid: this.#uid })];
    this.#child = spawn(program, rest, { env: {}, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => this.#lastWords.add(text));
    this.gone = this.#death();
    // What is left of the group is empty, and removed at the next start if not now.
    this.cleared = this.gone.then(() => this.#hold?.release().catch(() => undefined));
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

  usage(): ProcessUsage | undefined {
    try {
      return usageOf(readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1'));
    } catch {
      // It has ended, or this is no Linux.
      return undefined;
    }
  }

  async #death(): Promise<Death> {
    await new Promise<void>((resolve) => {
      this.#child.on('close', () => resolve());
      this.#child.on('error', (error) => {
        this.#lastWords.add(error.message);
        resolve();
      });
    });
    const kills = (await this.#hold?.outOfMemoryKills()) ?? 0;
    return this.#lastWords.death(kills > 0);
  }
}
