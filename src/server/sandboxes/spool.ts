import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseId, type SandboxId, unlessMissing, unlessMissingSync } from '../../contracts/index.ts';
import { piecesIn, SpoolFile, type SpooledPiece } from './spool-file.ts';

export interface SpoolLimits {
  /** Open at a time; each is a descriptor of the service. */
  readonly files: number;
  readonly bytes: number;
}

export const SPOOL_LIMITS: SpoolLimits = { files: 512, bytes: 16 * 2 ** 30 };

/** Seals the keys of files that outlive us. */
export interface SpoolKeys {
  /** As text without a line break. */
  seal(tenant: string, about: string, key: Buffer): Promise<string>;
  /** Undefined where the tenant was erased. Errors: any for what was altered. */
  open(about: string, sealed: string): Promise<Buffer | undefined>;
}

/** Whose output a file holds. */
export interface SpoolPlace {
  readonly tenant: string;
  readonly sandbox: string;
  readonly command: string;
}

const KEY_BYTES = 32;
/** The first line of a file with a name: its key, sealed. */
const MOST_LINE_BYTES = 4096;

/**
 * Files for output that does not fit into memory. One that nobody comes back to has no name, and a key that is nowhere but in our memory: it goes with us, however we go. One of a command
 * that somebody may come back to is `<folder>/<sandbox>/<command>`, with its key in it, sealed by its tenant's: whoever adopts the sandbox after us finds it.
 */
export class Spool {
  readonly #folder: string;
  readonly #limits: SpoolLimits;
  readonly #keys: SpoolKeys | undefined;
  #files = 0;
  #bytes = 0;

  /** Without keys no file has a name. */
  constructor(folder: string, limits: SpoolLimits = SPOOL_LIMITS, keys?: SpoolKeys) {
    this.#folder = folder;
    this.#limits = limits;
    this.#keys = keys;
  }

  /** Nothing more should be begun that may need one: what is under way may still have its own. */
  get isFull(): boolean {
    return this.#files >= this.#limits.files || this.#bytes >= this.#limits.bytes;
  }

  /** Errors: those of the disk, and of the keys. */
  async open(place?: SpoolPlace): Promise<SpoolFile> {
    this.#files += 1;
    try {
      const key = randomBytes(KEY_BYTES);
      return place === undefined || this.#keys === undefined ? this.#file({ handle: await openNameless(this.#folder), key }) : await this.#openNamed(place, this.#keys, key);
    } catch (error) {
      this.#files -= 1;
      throw error;
    }
  }

  /** What a service that died has left of a command's output; undefined where there is none that anybody can read. Errors: those of the disk. */
  async takeUp(place: SpoolPlace): Promise<{ readonly file: SpoolFile; readonly pieces: readonly SpooledPiece[] } | undefined> {
    const path = this.#pathOf(place);
    const handle = await unlessMissing(open(path, 'r+'));
    if (handle === undefined) return undefined;
    const found = await this.#keyIn(handle, place).catch(() => undefined);
    if (found === undefined) {
      await handle.close();
      await rm(path, { force: true });
      return undefined;
    }
    const { pieces, end } = await piecesIn(handle, found.at);
    await handle.truncate(end);
    this.#files += 1;
    this.#bytes += end;
    return { file: this.#file({ handle, key: found.key, at: end, path }), pieces };
  }

  /** Sandboxes of whose commands there is something. */
  sandboxes(): readonly SandboxId[] {
    return (unlessMissingSync(() => readdirSync(this.#folder)) ?? []).flatMap((name) => parseId('sbx', name) ?? []);
  }

  /** All that there is of a sandbox's commands goes. */
  async forget(sandbox: string): Promise<void> {
    if (parseId('sbx', sandbox) !== undefined) await rm(join(this.#folder, sandbox), { recursive: true, force: true });
  }

  async #openNamed(place: SpoolPlace, keys: SpoolKeys, key: Buffer): Promise<SpoolFile> {
    const path = this.#pathOf(place);
    const line = Buffer.from(`${await keys.seal(place.tenant, aboutKey(place), key)}\n`);
    mkdirSync(join(this.#folder, place.sandbox), { recursive: true, mode: 0o700 });
    const handle = await open(path, 'wx+', 0o600);
    await handle.write(line, 0, line.length, 0);
    this.#bytes += line.length;
    return this.#file({ handle, key, at: line.length, path });
  }

  async #keyIn(handle: FileHandle, place: SpoolPlace): Promise<{ readonly key: Buffer; readonly at: number } | undefined> {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_LINE_BYTES), 0, MOST_LINE_BYTES, 0);
    const end = buffer.subarray(0, bytesRead).indexOf('\n');
    const key = end === -1 ? undefined : await this.#keys?.open(aboutKey(place), buffer.toString('utf8', 0, end));
    return key === undefined ? undefined : { key, at: end + 1 };
  }

  #file({ path, ...how }: { readonly handle: FileHandle; readonly key: Buffer; readonly at?: number; readonly path?: string }): SpoolFile {
    return new SpoolFile({
      ...how,
      wrote: (bytes) => (this.#bytes += bytes),
      closed: async (bytes) => {
        this.#files -= 1;
        this.#bytes -= bytes;
        if (path !== undefined) await rm(path, { force: true });
      },
    });
  }

  #pathOf({ sandbox, command }: SpoolPlace): string {
    return join(this.#folder, sandbox, command);
  }
}

async function openNameless(folder: string): Promise<FileHandle> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, randomUUID());
  const handle = await open(path, 'wx+', 0o600);
  rmSync(path);
  return handle;
}

/** What the sealed key of a file belongs to. */
function aboutKey({ tenant, sandbox, command }: SpoolPlace): string {
  return `spooled output ${tenant} ${sandbox} ${command}`;
}
