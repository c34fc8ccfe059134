import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { lockName, OwnerLocks } from './owner-locks.ts';

/** One process on one boot of one machine: a pid alone is soon somebody else's. Empty texts where the system cannot tell. */
export const ownerShape = z.strictObject({
  host: z.string().max(255),
  bootId: z.string().max(64),
  /** The pid namespace, because two containers of one host have the same boot id and both have a pid 1. */
  pidNamespace: z.string().max(64),
  pid: z.int().positive(),
  startTicks: z.string().max(32),
  /** The lock of the state folder that it holds while it lives, for those who cannot see its pid. Absent where it could get none, and of older versions. */
  lock: lockName.optional(),
});
export type Owner = z.output<typeof ownerShape>;

/** This process, without a lock. */
export function currentOwner(): Owner {
  return { host: hostname(), bootId: bootId(), pidNamespace: pidNamespace(), pid: process.pid, startTicks: startTicks(process.pid) ?? '' };
}

/** Whether the process still runs; `elsewhere` when it cannot be judged from here: by its pid where we see it, else by its lock in our state folder. */
export function ownerIs(owner: Owner, stateDir: string): 'alive' | 'dead' | 'elsewhere' {
  const [sameHost, sameBoot] = [owner.host === hostname(), owner.bootId === bootId()];
  if (sameHost && sameBoot && owner.pidNamespace === pidNamespace()) return isRunning(owner) ? 'alive' : 'dead';
  const holder = owner.lock === undefined ? undefined : new OwnerLocks(stateDir).holderOf(owner.lock);
  return holder ?? (sameHost && !sameBoot ? 'dead' : 'elsewhere');
}

/** An owner as a label's text. */
export function ownerText(owner: Owner): string {
  const { host, bootId: boot, pidNamespace: namespace, pid, startTicks: ticks, lock } = owner;
  return [host, boot, namespace, pid, ticks, ...(lock === undefined ? [] : [lock])].join('/');
}

/** Reads a label's text; undefined where it is none of ours. */
export function parseOwner(text: string): Owner | undefined {
  const [host, boot, namespace, pid, ticks, lock, ...rest] = text.split('/');
  if (rest.length > 0) return undefined;
  return ownerShape.safeParse({ host, bootId: boot, pidNamespace: namespace, pid: Number(pid), startTicks: ticks, ...(lock === undefined ? {} : { lock }) }).data;
}

/** Of a label's text: false where it is none of ours, or cannot be judged from here. */
export function isOwnerDead(text: string, stateDir: string): boolean {
  const owner = parseOwner(text);
  return owner !== undefined && ownerIs(owner, stateDir) === 'dead';
}

/** Of one whose pid means the same here. */
function isRunning({ pid, startTicks: ticks }: Owner): boolean {
  return ticks === '' ? answersSignals(pid) : startTicks(pid) === ticks;
}

/** Field 22 of /proc/<pid>/stat. The second field is a name in brackets that may itself hold spaces and brackets. */
function startTicks(pid: number): string | undefined {
  const stat = readOrEmpty(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function bootId(): string {
  return readOrEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
}

function pidNamespace(): string {
  return readOrEmpty(() => readlinkSync('/proc/self/ns/pid'));
}

/** Systems without /proc answer with nothing, and the caller falls back to less certain signs. */
function readOrEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

function answersSignals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal, but there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
