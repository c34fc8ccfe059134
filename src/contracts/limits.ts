import { z } from 'zod';

const SIZES = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;
const DURATIONS = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 } as const;

function unitParser(units: Readonly<Record<string, number>>, example: string) {
  const pattern = new RegExp(`^(\\d+(?:\\.\\d+)?)\\s*(${Object.keys(units).join('|')})$`);
  return (text: string, context: z.RefinementCtx): number => {
    const match = pattern.exec(text.trim());
    const value = match === null ? Number.NaN : Number(match[1]) * (units[match[2] ?? ''] ?? Number.NaN);
    if (Number.isSafeInteger(Math.round(value))) return Math.round(value);
    context.addIssue({ code: 'custom', message: `expected ${example}, found "${text}"` });
    return z.NEVER;
  };
}

/** Bytes: a number, or text such as `512MiB`. */
export const bytes = z.union([z.int().nonnegative(), z.string().transform(unitParser(SIZES, 'a size such as 512MiB or 2GB'))]);
/** Milliseconds from text such as `90s`, `2m`, `1h`. */
export const duration = z.string().transform(unitParser(DURATIONS, 'a duration such as 500ms, 90s, 2m or 1h'));

/** What a whole sandbox may use. */
export interface SandboxLimits {
  readonly cpu: number;
  /** Memory and swap together; files in the workspace's tmpfs count. */
  readonly memoryBytes: number;
  readonly pids: number;
  readonly diskBytes: number;
  readonly inodes: number;
  readonly openFiles: number;
}

/** What one command may use. Undefined: no limit of its own beyond the sandbox's. */
export interface CommandLimits {
  readonly wallMs: number;
  /** CPU time of the whole process tree. */
  readonly cpuMs?: number;
  /** stdout and stderr together. */
  readonly outputBytes?: number;
}

/** How long a session may live. */
export interface SessionLimits {
  readonly wallMs: number;
  readonly idleMs: number;
}
