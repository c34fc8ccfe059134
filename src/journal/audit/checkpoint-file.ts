import { open, readFile } from 'node:fs/promises';
import { GloveboxError, unlessMissing } from '../../contracts/index.ts';

/** More than any note of ours measures. */
const TAIL_BYTES = 4096;

/**
 * Notes beside the journal, one after the other: what stands there was signed, whatever the database says. It is only ever appended to, so that the operator may have
 * it kept that way (`chattr +a`) or have it copied away as it grows.
 */
export class CheckpointFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async append(note: string): Promise<void> {
    await this.#guard(async () => {
      const handle = await open(this.path, 'a', 0o600);
      try {
        // An empty line first: what a crash cut short before it is no part of this one.
        await handle.writeFile(`\n\n${note}`);
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  /** None where there is no file. */
  async all(): Promise<readonly string[]> {
    return this.#guard(async () => splitNotes((await unlessMissing(readFile(this.path, 'utf8'))) ?? ''));
  }

  async newest(): Promise<string | undefined> {
    return this.#guard(async () => {
      const handle = await unlessMissing(open(this.path, 'r'));
      if (handle === undefined) return undefined;
      try {
        const { size } = await handle.stat();
        const start = Math.max(0, size - TAIL_BYTES);
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size, TAIL_BYTES)), 0, Math.min(size, TAIL_BYTES), start);
        return splitNotes(buffer.toString('utf8', 0, bytesRead)).at(-1);
      } finally {
        await handle.close();
      }
    });
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      throw new GloveboxError('journal_failed', `the file of checkpoints ${this.path} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

/** A note is a text, an empty line and signatures. What is none of that is given as it stands. */
export function splitNotes(text: string): readonly string[] {
  const notes: string[] = [];
  for (const part of text.split(/\n\n+/).map((found) => found.replace(/^\n|\n$/g, '')).filter(Boolean)) {
    if (part.startsWith('\u2014 ') && notes.length > 0) notes[notes.length - 1] += `\n${part}\n`;
    else notes.push(`${part}\n`);
  }
  return notes;
}
