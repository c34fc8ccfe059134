import type { CommandLimits } from '../contracts/index.ts';

/** A caller may ask for less than the policy lends, never for more. */
export function stricter(granted: CommandLimits, asked: Partial<CommandLimits> = {}): CommandLimits {
  const least = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined ? b : b === undefined ? a : Math.min(a, b);
  const cpuMs = least(granted.cpuMs, asked.cpuMs);
  const outputBytes = least(granted.outputBytes, asked.outputBytes);
  return {
    wallMs: Math.min(granted.wallMs, asked.wallMs ?? granted.wallMs),
    ...(cpuMs === undefined ? {} : { cpuMs }),
    ...(outputBytes === undefined ? {} : { outputBytes }),
  };
}
