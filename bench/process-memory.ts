import { readFileSync, readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What this process holds once what nobody needs has been collected. */
export function settledHeapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Open descriptors of a process; undefined where we may not look. */
export function openDescriptors(pid: number | 'self'): number | undefined {
  return readOr(undefined, () => readdirSync(`/proc/${pid}/fd`).length);
}

/** Dead children that nobody has reaped. */
export function zombiesOf(parent: number): number {
  return processes().filter(({ parent: each, state }) => each === parent && state === 'Z').length;
}

/** Proportional share of memory, in KiB: what two processes share is counted half for each. Where we may not read it, resident memory. */
export function shareKiB(pid: number): number | undefined {
  const rollup = readOr('', () => readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
  const status = readOr('', () => readFileSync(`/proc/${pid}/status`, 'latin1'));
  const found = /^Pss:\s+(\d+)/m.exec(rollup) ?? /^VmRSS:\s+(\d+)/m.exec(status);
  return found === null ? undefined : Number(found[1]);
}

/** Processes whose command line holds all of these. */
export function processesWith(...texts: string[]): number[] {
  return processes()
    .map(({ pid }) => pid)
    .filter((pid) => {
      const line = readOr('', () => readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
      return texts.every((text) => line.includes(text));
    });
}

/** What the machine could still give to programs, in KiB. */
export function availableKiB(): number {
  return Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? Number.NaN);
}

function processes(): { readonly pid: number; readonly parent: number; readonly state: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const stat = readOr('', () => readFileSync(`/proc/${name}/stat`, 'latin1'));
    // The name, in brackets, may itself hold spaces and brackets.
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [{ pid: Number(name), parent: Number(parent), state }];
  });
}

/** Processes come and go while we look, and some are not ours to see. */
function readOr<T, U>(otherwise: T, read: () => U): T | U {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
