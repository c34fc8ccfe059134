import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { GloveboxError, type IdSource, type JavaScriptSpec, type RunningCommand, type Sandbox, type Sandboxes, WORKSPACE } from '../../contracts/index.ts';
import { childArchive, knownInterfaces, NODE_NAME, nodeBytes } from './child-archive.ts';
import { allowanceBytes, DESCRIPTORS, PIDS } from './confinement.ts';
import { childArguments, copiedProgram } from './launch.ts';
import { type Death, LastWords, type Place, type ProcessUsage, usageOf } from './place.ts';

const MIB = 2 ** 20;
/** Of ours, the one with node in it. Process sandboxes see the host's. */
const IMAGE = 'node';
/** Node itself, which the host's account of a child begins after. */
const NODE_MEMORY_BYTES = 96 * MIB;
const PROGRAM_BYTES = 16 * MIB;
const INODES = 1024;
const GRACE_MS = 30_000;
const QUESTION_MS = 20_000;
const LOOK_MS = 5_000;

export interface SandboxPlaceOptions {
  readonly sandboxes: Pick<Sandboxes, 'create'>;
  readonly ids: IdSource;
  readonly sandbox: NonNullable<JavaScriptSpec['sandbox']>;
  readonly limits: Pick<JavaScriptSpec['limits'], 'memoryBytes' | 'outputBytes'>;
  readonly signal: AbortSignal;
}

/** A child as the one command of a sandbox of its own: what gets out of isolate and process has gained a sandbox without a network. Both go together. */
export class SandboxPlace implements Place {
  readonly input = new PassThrough();
  readonly output = new PassThrough();
  readonly gone: Promise<Death>;
  readonly cleared: Promise<void>;
  readonly #sandbox: Sandbox;
  readonly #command: RunningCommand;
  readonly #lastWords = new LastWords();
  #pid: number | undefined;
  #seen: ProcessUsage | undefined;
  #isLooking = false;

  /** Errors: as `Sandboxes.create`; `kind_unavailable` where there is no node that fits. */
  static async open(options: SandboxPlaceOptions): Promise<SandboxPlace> {
    const { sandbox: wanted, limits, ids, signal } = options;
    const disk = PROGRAM_BYTES + (wanted.kinds.includes('process') ? await nodeBytes() : 0);
    const memoryBytes = allowanceBytes(limits.memoryBytes) + NODE_MEMORY_BYTES + disk;
    const spec = { image: IMAGE, graceMs: GRACE_MS, limits: { cpu: 1, memoryBytes, pids: PIDS, diskBytes: disk, inodes: INODES, openFiles: DESCRIPTORS } };
    const sandbox = await options.sandboxes.create(wanted.kinds, spec, { hardLimits: wanted.hardLimits, signal });
    try {
      const node = await bringProgram(sandbox, ids, signal);
      const argv = [node, ...childArguments(copiedProgram(WORKSPACE), { ...limits, uid: 0 })] as const;
      return new SandboxPlace(sandbox, sandbox.exec({ id: ids.next('cmd'), argv, stdin: 'pipe', limits: { wallMs: 0 } }));
    } catch (error) {
      // Why is the thing to tell; a sandbox that cannot be removed either is the sweeper's.
      await sandbox.destroy().catch(() => undefined);
      throw error;
    }
  }

  private constructor(sandbox: Sandbox, command: RunningCommand) {
    this.#sandbox = sandbox;
    this.#command = command;
    this.gone = this.#follow();
    void this.#feed();
    // One that cannot be removed now is the sweeper's.
    this.cleared = this.gone.then(() => sandbox.destroy()).catch(() => undefined);
  }

  /** The sandbox holds it from its start. */
  confine(pid: number): Promise<void> {
    this.#pid = pid;
    return Promise.resolve();
  }

  kill(): void {
    this.#command.cancel(0);
    void this.#sandbox.destroy().catch(() => undefined);
  }

  usage(): ProcessUsage | undefined {
    void this.#look();
    return this.#seen;
  }

  async #look(): Promise<void> {
    if (this.#pid === undefined || this.#isLooking) return;
    this.#isLooking = true;
    const stat = await this.#sandbox.files.read(`/proc/${this.#pid}/stat`, { timeoutMs: LOOK_MS }).catch(() => undefined);
    this.#isLooking = false;
    if (stat !== undefined) this.#seen = usageOf(stat.toString('latin1'));
  }

  async #feed(): Promise<void> {
    for await (const bytes of this.input) await this.#command.write(bytes as Buffer);
  }

  async #follow(): Promise<Death> {
    for await (const { channel, bytes } of this.#command.output) {
      if (channel === 'stderr') this.#lastWords.add(bytes.toString('utf8'));
      // A copy: what comes from the wire may be used again.
      else if (!this.output.write(Buffer.from(bytes))) await once(this.output, 'drain');
    }
    this.output.end();
    const { cause, oomKills, startError } = await this.#command.end;
    if (startError !== undefined) this.#lastWords.add(startError);
    return this.#lastWords.death(cause === 'memory' || oomKills.count > 0);
  }
}

/** Puts the program of a child into the workspace; gives the node that is to run it. */
async function bringProgram(sandbox: Sandbox, ids: IdSource, signal: AbortSignal): Promise<string> {
  const found = await nodeThere(sandbox, ids);
  const known = await knownInterfaces();
  const fits = known.has(found);
  // The host's own runs there: it has the same libraries.
  const withNode = !fits && sandbox.kind === 'process';
  if (!fits && !withNode) {
    const needed = `a Node of the binary interface ${[...known].join(' or ')}`;
    throw new GloveboxError('kind_unavailable', `isolates need ${needed} in their sandbox, and the image ${IMAGE} has ${found === '' ? 'no Node' : `one of ${found}`}`);
  }
  await sandbox.files.unpack(WORKSPACE, childArchive({ abi: withNode ? process.versions.modules : found, withNode }), { signal });
  return withNode ? `${WORKSPACE}/${NODE_NAME}` : 'node';
}

/** The version of its binary interface, as addons need it; empty where there is none. */
async function nodeThere(sandbox: Sandbox, ids: IdSource): Promise<string> {
  const question = sandbox.exec({ id: ids.next('cmd'), argv: ['node', '-p', 'process.versions.modules'], limits: { wallMs: QUESTION_MS } });
  let answer = '';
  for await (const { channel, bytes } of question.output) if (channel === 'stdout') answer += bytes.toString('utf8');
  return answer.trim();
}
