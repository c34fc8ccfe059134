import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { describeError, GloveboxError, parseId, unlessMissingSync } from '../contracts/index.ts';
import type { SandboxId, SandboxKind, SandboxSpec, WorkspacePlace } from '../contracts/index.ts';
import { unlessFull } from './full-disk.ts';
import { ownerIs, ownerShape } from './owner.ts';
import type { Owner } from './owner.ts';
import { RecordNumbers } from './record-numbers.ts';

/** Stream numbers set aside at once, so that no number is used twice even if we die without a word. */
const STREAMS_AT_ONCE = 1 << 20;
const KEY_BYTES = 32;
const key = z.base64().transform((text) => Buffer.from(text, 'base64')).refine((bytes) => bytes.length === KEY_BYTES);

const specShape = z.strictObject({
  image: z.string(),
  limits: z.strictObject({ cpu: z.number(), memoryBytes: z.number(), pids: z.number(), diskBytes: z.number(), inodes: z.number(), openFiles: z.number() }),
  graceMs: z.number(),
  env: z.record(z.string(), z.string()).optional(),
  network: z.strictObject({ ports: z.array(z.int()) }).optional(),
});

const recordShape = z.strictObject({
  version: z.literal(2),
  id: z.string(),
  kind: z.enum(['gvisor', 'container', 'process']),
  toGuest: key,
  fromGuest: key,
  /** The number of this version. It is also the highest epoch that anybody may have attached with; 0 before the first. */
  epoch: z.int().min(0).max(0xffff_fffe),
  /** The preamble may have been sent. */
  attached: z.boolean(),
  /** The first stream number that nobody has set aside. */
  streams: z.int().min(1).max(0xffff_ffff),
  owner: ownerShape,
  createdMs: z.int(),
  /** What it was asked to be: whoever takes it over needs no more than its id. */
  spec: specShape,
  workspaceIs: z.enum(['memory', 'disk']),
  /** It is being removed, and nobody's to adopt any more. */
  doomed: z.boolean(),
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
 * whole. Each change takes the next epoch first, which only one process can: whoever cannot has been overtaken, and changes nothing. It needs no
 * fsync: a power cut ends the sandbox too.
 */
export class SandboxState {
  readonly #file: string;
  readonly #stateDir: string;
  readonly #epochs: RecordNumbers;
  #record: SandboxRecord;

  private constructor(file: string, record: SandboxRecord) {
    this.#file = file;
    this.#stateDir = dirname(dirname(file));
    this.#epochs = new RecordNumbers(file, this.#stateDir);
    this.#record = record;
  }

  /** A new sandbox, with new keys. Errors: `disk_full`, as all that change it; nothing has changed then. */
  static create(
    stateDir: string,
    made: {
      readonly id: SandboxId;
      readonly kind: SandboxKind;
      readonly owner: Owner;
      readonly createdMs: number;
      readonly spec: SandboxSpec;
      /** In memory, if nobody says otherwise. */
      readonly workspaceIs?: WorkspacePlace;
      readonly resource?: Readonly<Record<string, string>>;
    },
  ): SandboxState {
    const state = new SandboxState(fileOf(stateDir, made.id), {
      version: 2,
      id: made.id,
      kind: made.kind,
      toGuest: randomBytes(KEY_BYTES),
      fromGuest: randomBytes(KEY_BYTES),
      epoch: 0,
      attached: false,
      streams: 1,
      owner: made.owner,
      createdMs: made.createdMs,
      spec: recordedSpec(made.spec),
      workspaceIs: made.workspaceIs ?? 'memory',
      doomed: false,
      resource: { ...made.resource },
    });
    try {
      mkdirSync(folderOf(stateDir), { recursive: true, mode: 0o700 });
      state.#save();
      return state;
    } catch (error) {
      throw unlessFull(error, stateDir);
    }
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

  /** Whether the process that has it lives; `elsewhere` when that cannot be told from here. */
  get ownerIs(): ReturnType<typeof ownerIs> {
    return ownerIs(this.owner, this.#stateDir);
  }

  get createdMs(): number {
    return this.#record.createdMs;
  }

  /** What it was asked to be, with the environment that its commands have now. */
  get spec(): SandboxSpec {
    const { env, network, ...spec } = this.#record.spec;
    return { ...spec, ...(env === undefined ? {} : { env }), ...(network === undefined ? {} : { network }) };
  }

  get workspaceIs(): WorkspacePlace {
    return this.#record.workspaceIs;
  }

  get resource(): Readonly<Record<string, string>> {
    return this.#record.resource;
  }

  /** The key of each direction. */
  get keys(): { readonly toGuest: Buffer; readonly fromGuest: Buffer } {
    return { toGuest: this.#record.toGuest, fromGuest: this.#record.fromGuest };
  }

  /** Takes the sandbox over: whoever had it may change nothing of it any more. Errors: as `attach`, and `sandbox_lost` when it is being removed. */
  claim(owner: Owner): void {
    if (this.#record.doomed) throw new GloveboxError('sandbox_lost', `sandbox ${this.id} is being removed`);
    this.#change({ owner });
  }

  /** Takes it over in order to remove it. Errors: as `attach`. */
  doom(owner: Owner): void {
    this.#change({ owner, doomed: true });
  }

  /** It could not be removed by whom it belongs to: anybody's sweep may try. Where it is no longer ours that is somebody else's affair. */
  giveUp(): void {
    try {
      this.doom(this.owner);
    } catch (error) {
      if (!isNoLongerOurs(error)) throw error;
    }
  }

  /** Whether it is to be removed, whoever has it. */
  get isDoomed(): boolean {
    return this.#record.doomed;
  }

  /** Whether a living process has it and wants it; also where that cannot be told. */
  get isAnsweredFor(): boolean {
    return !this.#record.doomed && this.ownerIs !== 'dead';
  }

  /** What commands have in their environment from now on, for whoever takes the sandbox over. Errors: as `attach`. */
  setEnv(env: Readonly<Record<string, string>>): void {
    this.#change({ spec: { ...this.#record.spec, env: { ...env } } });
  }

  /**
   * A higher epoch, on disk before anybody attaches with it. Errors: `not_found` when the sandbox is gone, `sandbox_lost` when epochs have run
   * out, and with `details.superseded` when somebody else has taken it over since: fighting over a sandbox would end it.
   */
  attach(): Attachment {
    const first = !this.#record.attached;
    this.#change({ attached: true });
    return { first, epoch: this.#record.epoch };
  }

  /** Whether somebody else has taken the sandbox over. False when it is gone. */
  get isOvertaken(): boolean {
    try {
      return load(this.#file, this.id).epoch !== this.#record.epoch;
    } catch (error) {
      if (error instanceof GloveboxError && error.code === 'not_found') return false;
      throw error;
    }
  }

  /** Stream numbers that nobody else has or will have, from `first` on and before `end`. Errors: as `attach`. */
  reserveStreams(): { readonly first: number; readonly end: number } {
    const first = this.#record.streams;
    if (first > 0xffff_ffff - STREAMS_AT_ONCE) throw this.#usedUp();
    this.#change({ streams: first + STREAMS_AT_ONCE });
    return { first, end: first + STREAMS_AT_ONCE };
  }

  /** Idempotent. */
  remove(): void {
    rmSync(this.#file, { force: true });
    this.#epochs.forgetAll();
  }

  #change(change: Partial<SandboxRecord>): void {
    try {
      this.#changeOnDisk(change);
    } catch (error) {
      throw unlessFull(error, this.#stateDir);
    }
  }

  #changeOnDisk(change: Partial<SandboxRecord>): void {
    const before = this.#record.epoch;
    const epoch = this.#epochs.takeAfter(before, change.owner ?? this.owner);
    if (epoch === undefined) throw supersededError();
    try {
      if (epoch > 0xffff_fffe) throw this.#usedUp();
      // Somebody may have taken this number, written, and gone on: then it was free again.
      if (load(this.#file, this.id).epoch !== before) throw supersededError();
      this.#save({ ...this.#record, ...change, epoch });
    } catch (error) {
      this.#epochs.forget(epoch);
      throw error;
    }
    for (let old = Math.max(before, 1); old < epoch; old++) this.#epochs.forget(old);
  }

  #usedUp(): GloveboxError {
    return new GloveboxError('sandbox_lost', `sandbox ${this.id} has used up its numbers: open another`);
  }

  #save(record = this.#record): void {
    const { toGuest, fromGuest } = record;
    const text = JSON.stringify({ ...record, toGuest: toGuest.toString('base64'), fromGuest: fromGuest.toString('base64') });
    // Processes of two containers may have the same pid.
    const beside = `${this.#file}.${randomBytes(8).toString('hex')}.new`;
    try {
      writeFileSync(beside, text, { mode: 0o600 });
      renameSync(beside, this.#file);
    } catch (error) {
      rmSync(beside, { force: true });
      throw error;
    }
    this.#record = record;
  }
}

/** Whether a change failed because somebody else has taken the sandbox over, or removed it. */
export function isNoLongerOurs(error: unknown): boolean {
  return error instanceof GloveboxError && (error.code === 'not_found' || error.details['superseded'] === true);
}

/** What becomes of a host whose sandbox another one has taken over. */
export function supersededError(): GloveboxError {
  return new GloveboxError('sandbox_lost', 'another process has taken the sandbox over', { details: { superseded: true } });
}

function recordedSpec({ network, ...spec }: SandboxSpec): SandboxRecord['spec'] {
  return { ...spec, ...(network === undefined ? {} : { network: { ports: [...network.ports] } }) };
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
  return unlessMissingSync(() => readdirSync(folder)) ?? [];
}
