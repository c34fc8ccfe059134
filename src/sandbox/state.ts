import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { describeError, GloveboxError, parseId } from '../contracts/index.ts';
import type { SandboxId, SandboxKind } from '../contracts/index.ts';
import { ownerShape } from './owner.ts';
import type { Owner } from './owner.ts';

/** Stream numbers set aside at once, so that no number is used twice even if we die without a word. */
const STREAMS_AT_ONCE = 1 << 20;
const KEY_BYTES = 32;
const key = z.base64().transform((text) => Buffer.from(text, 'base64')).refine((bytes) => bytes.length === KEY_BYTES);

const recordShape = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  kind: z.enum(['gvisor', 'container', 'process']),
  toGuest: key,
  fromGuest: key,
  /** The highest epoch that anybody may have attached with; 0 before the first. */
  epoch: z.int().min(0).max(0xffff_fffe),
  /** The first stream number that nobody has set aside. */
  streams: z.int().min(1).max(0xffff_ffff),
  owner: ownerShape,
  createdMs: z.int(),
  /** What the driver needs to find the sandbox again: a container's id, a socket's path. */
  resource: z.record(z.string(), z.string()),
});
type SandboxRecord = z.output<typeof recordShape>;

/** What one attachment may use. */
export interface Attachment {
  /** The preamble has not been sent: this is the first. */
  readonly first: boolean;
  readonly epoch: number;
}

/**
 * What outlives us of one sandbox: its keys, its epoch, its owner. One file, `<stateDir>/sandboxes/<id>.json`, readable by us alone and replaced
 * whole. It needs no fsync: a power cut ends the sandbox too.
 */
export class SandboxState {
  readonly #file: string;
  #record: SandboxRecord;

  private constructor(file: string, record: SandboxRecord) {
    this.#file = file;
    this.#record = record;
  }

  /** A new sandbox, with new keys. */
  static create(
    stateDir: string,
    made: { readonly id: SandboxId; readonly kind: SandboxKind; readonly owner: Owner; readonly createdMs: number; readonly resource?: Readonly<Record<string, string>> },
  ): SandboxState {
    const state = new SandboxState(fileOf(stateDir, made.id), {
      version: 1,
      id: made.id,
      kind: made.kind,
      toGuest: randomBytes(KEY_BYTES),
      fromGuest: randomBytes(KEY_BYTES),
      epoch: 0,
      streams: 1,
      owner: made.owner,
      createdMs: made.createdMs,
      resource: { ...made.resource },
    });
    mkdirSync(folderOf(stateDir), { recursive: true, mode: 0o700 });
    state.#save();
    return state;
  }

  /** Errors: `not_found`; `internal` when the file is none of ours. */
  static read(stateDir: string, id: SandboxId): SandboxState {
    const file = fileOf(stateDir, id);
    return new SandboxState(file, load(file, id));
  }

  /** Every sandbox that the folder knows, and the files that cannot be read. */
  static list(stateDir: string): { readonly states: readonly SandboxState[]; readonly unreadable: readonly string[] } {
    const states: SandboxState[] = [];
    const unreadable: string[] = [];
    for (const name of readFolder(folderOf(stateDir))) {
      const id = parseId('sbx', name.replace(/\.json$/, ''));
      if (id === undefined || !name.endsWith('.json')) continue;
      try {
        states.push(SandboxState.read(stateDir, id));
      } catch (error) {
        // Removed by its owner while we looked: there is nothing to tell.
        if (!(error instanceof GloveboxError && error.code === 'not_found')) unreadable.push(join(folderOf(stateDir), name));
      }
    }
    return { states, unreadable };
  }

  get id(): SandboxId {
    // `create` took it as one, and `read` compares it with the one that was asked for.
    return this.#record.id as SandboxId;
  }

  get kind(): SandboxKind {
    return this.#record.kind;
  }

  get owner(): Owner {
    return this.#record.owner;
  }

  get createdMs(): number {
    return this.#record.createdMs;
  }

  get resource(): Readonly<Record<string, string>> {
    return this.#record.resource;
  }

  /** The key of each direction. */
  get keys(): { readonly toGuest: Buffer; readonly fromGuest: Buffer } {
    return { toGuest: this.#record.toGuest, fromGuest: this.#record.fromGuest };
  }

  /** Remembers where the sandbox is to be found. */
  locate(resource: Readonly<Record<string, string>>): void {
    this.#record = { ...this.#record, resource: { ...this.#record.resource, ...resource } };
    this.#save();
  }

  /** Takes the sandbox over. */
  claim(owner: Owner): void {
    this.#record = { ...this.#record, owner };
    this.#save();
  }

  /**
   * A higher epoch, on disk before anybody attaches with it. Errors: `sandbox_lost` when epochs have run out, and with `details.superseded` when
   * somebody else has attached since we did: fighting over a sandbox would end it.
   */
  attach(): Attachment {
    const { epoch } = this.#record;
    if (load(this.#file, this.id).epoch !== epoch) throw supersededError();
    if (epoch >= 0xffff_fffe) throw this.#usedUp();
    this.#record = { ...this.#record, epoch: epoch + 1 };
    this.#save();
    return { first: epoch === 0, epoch: epoch + 1 };
  }

  /** Stream numbers that nobody else has or will have, from `first` on and before `end`. Errors: `sandbox_lost` when they have run out. */
  reserveStreams(): { readonly first: number; readonly end: number } {
    const first = this.#record.streams;
    if (first > 0xffff_ffff - STREAMS_AT_ONCE) throw this.#usedUp();
    this.#record = { ...this.#record, streams: first + STREAMS_AT_ONCE };
    this.#save();
    return { first, end: first + STREAMS_AT_ONCE };
  }

  /** Idempotent. */
  remove(): void {
    rmSync(this.#file, { force: true });
  }

  #usedUp(): GloveboxError {
    return new GloveboxError('sandbox_lost', `sandbox ${this.id} has used up its numbers: open another`);
  }

  #save(): void {
    const { toGuest, fromGuest } = this.#record;
    const text = JSON.stringify({ ...this.#record, toGuest: toGuest.toString('base64'), fromGuest: fromGuest.toString('base64') });
    const beside = `${this.#file}.${process.pid}.new`;
    writeFileSync(beside, text, { mode: 0o600 });
    renameSync(beside, this.#file);
  }
}

/** What becomes of a host whose sandbox another one has taken over. */
export function supersededError(): GloveboxError {
  return new GloveboxError('sandbox_lost', 'another process has taken the sandbox over', { details: { superseded: true } });
}

function load(file: string, id: SandboxId): SandboxRecord {
  let record: SandboxRecord;
  try {
    record = recordShape.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new GloveboxError('not_found', `no sandbox ${id} is known here (${file})`, { cause: error });
    throw new GloveboxError('internal', `${file} cannot be read as a sandbox's state: ${describeError(error)}`, { cause: error });
  }
  if (record.id !== id) throw new GloveboxError('internal', `${file} holds the state of another sandbox`);
  return record;
}

function folderOf(stateDir: string): string {
  return join(stateDir, 'sandboxes');
}

/** The id is checked again: it becomes a path here. */
function fileOf(stateDir: string, id: SandboxId): string {
  if (parseId('sbx', id) === undefined) throw new GloveboxError('usage', `not a sandbox's id: ${JSON.stringify(id)}`);
  return join(folderOf(stateDir), `${id}.json`);
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
