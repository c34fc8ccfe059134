import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomIds, systemClock } from '../../src/contracts/index.ts';
import type { CommandEnd, CommandLimits, Sandbox, SandboxSpec } from '../../src/contracts/index.ts';
import { BubblewrapDriver } from '../../src/sandbox/bubblewrap/index.ts';
import { parseCgroupMounts } from '../../src/sandbox/bubblewrap/control-group-files.ts';
import { listProcesses } from '../../src/sandbox/bubblewrap/processes.ts';
import type { HostProcess } from '../../src/sandbox/bubblewrap/processes.ts';
import { defaultRunDir, tagOf } from '../../src/sandbox/bubblewrap/run-folder.ts';
import { Engine, extractInit } from '../../src/sandbox/docker/index.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import { findEngine } from '../../src/sandbox/images/index.ts';
import { InitBinary } from '../../src/sandbox/init-binary.ts';

const MiB = 2 ** 20;
export const ids = randomIds(systemClock);
const engine = new Engine(() => findEngine(process.env));
const shared = join(tmpdir(), 'glovebox-tests');
/** One copy for all tests: what is kept there is known by the hash of its source. From an engine's image where there is one, else compiled. */
export const init = new InitBinary({ stateDir: shared, extract: (reference, signal) => extractInit(engine, new FolderOwnership(shared), reference, signal) });

export function specOf(limits: Partial<SandboxSpec['limits']> = {}, graceMs = 30_000): SandboxSpec {
  return {
    image: 'base',
    limits: { cpu: 1, memoryBytes: 256 * MiB, pids: 64, diskBytes: 64 * MiB, inodes: 10_000, openFiles: 256, ...limits },
    graceMs,
  };
}

export function driverIn(stateDir: string): BubblewrapDriver {
  return new BubblewrapDriver({ stateDir, ownership: new FolderOwnership(stateDir), ids, clock: systemClock, init });
}

/** A state folder of its own, and everything of it on this host. */
export class Station implements AsyncDisposable {
  readonly stateDir = mkdtempSync(join(tmpdir(), 'bubblewrap-'));
  readonly driver = driverIn(this.stateDir);
  readonly runRoot = join(defaultRunDir(), tagOf(this.stateDir));

  /** What is there of a sandbox: records, run folders, control groups, processes. Empty when nothing is. */
  traces(): string[] {
    const records = namesIn(join(this.stateDir, 'sandboxes'));
    const groups = groupParents().flatMap((parent) => namesIn(parent).filter((name) => name.startsWith(tagOf(this.stateDir))).map((name) => join(parent, name)));
    const keepers = listProcesses().filter(({ pid }) => commandLine(pid).includes(this.runRoot)).map(({ pid }) => `process ${pid}`);
    return [...records, ...namesIn(this.runRoot), ...groups, ...keepers];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver.sweep({ all: true });
    for (const folder of [this.stateDir, this.runRoot]) rmSync(folder, { recursive: true, force: true });
  }
}

export async function hasControlGroups(): Promise<boolean> {
  await using station = new Station();
  return (await station.driver.status()).limitsAre === 'hard';
}

export interface Outcome {
  readonly end: CommandEnd;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a shell line in a sandbox to its end. */
export async function shell(sandbox: Sandbox, line: string, limits: CommandLimits = { wallMs: 30_000 }): Promise<Outcome> {
  const command = sandbox.exec({ id: ids.next('cmd'), argv: ['/bin/sh', '-c', line], limits });
  const text = { stdout: '', stderr: '' };
  for await (const { channel, bytes } of command.output) text[channel] += bytes.toString();
  return { end: await command.end, ...text };
}

/** Host processes of a sandbox: those whose arguments carry the mark. */
export function processesWith(mark: string): HostProcess[] {
  return listProcesses().filter(({ pid }) => commandLine(pid).includes(mark));
}

/** A field of /proc/<pid>/status of the host. */
export function statusField(pid: number, name: string): string[] {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').find((each) => each.startsWith(`${name}:`));
  return (line ?? '').split(/\s+/).slice(1).filter((value) => value !== '');
}

/** Waits until a condition holds; fails with what was the case instead. */
export async function until(what: string, holds: () => boolean, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

function groupParents(): string[] {
  const mounts = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (mounts === undefined) return [];
  return (mounts.version === 2 ? [mounts.root] : [mounts.memory, mounts.pids, mounts.cpu, ...(mounts.freezer === undefined ? [] : [mounts.freezer])]).map((path) => join(path, 'glovebox'));
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
